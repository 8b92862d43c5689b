#!/bin/bash
# Every check that needs no run of the program; all of them run, then the failed ones are named.
set -u
cd "$(dirname "$0")/.." || exit 2
failed=()

check() {
    local name=$1
    shift
    local start=$SECONDS
    if "$@"; then
        printf 'ok      %-12s %3d s\n' "$name" $((SECONDS - start))
    else
        printf 'FAILED  %-12s %3d s\n' "$name" $((SECONDS - start))
        failed+=("$name")
    fi
}

check_format() {
    git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

# Scripts of ours say what runs them; those of the tests are run, or sourced, by tests/cli/run.sh.
check_shell() {
    git ls-files '*.sh' .ci/run ':!tests' tests/cli/run.sh | xargs shellcheck &&
        git ls-files 'tests/*.sh' | xargs shellcheck --shell=bash --severity=warning
}

check_cppcheck() {
    cppcheck --quiet -j "$(nproc)" --std=c11 --enable=warning,performance,portability \
        --inline-suppr "-Djson_object_foreach(o,k,v)=for(;;)" --error-exitcode=1 --suppress=missingIncludeSystem \
        --suppressions-list=tools/cppcheck.txt --library=tools/cppcheck.cfg -I src -I build/release/generated src examples
}

check format check_format
check layers tools/check_layers.sh
check sizes tools/check_sizes.sh
check banned tools/check_banned.sh
check docs tools/check_docs.sh
check alerts tools/check_alerts.sh
check deploy tools/check_deploy.sh
check generated tools/generate.sh --check
check shell check_shell
check cppcheck check_cppcheck
check clang-tidy tools/check_tidy.sh

if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: failed: ${failed[*]}"
    exit 1
fi
echo "lint: all checks passed"
