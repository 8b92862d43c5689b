#!/bin/bash
# Runs the tests of one or more built presets.  Prints what failed; the last line is
# "N passed, N failed" (", N skipped" when any), counted in test cases.  Under CI a skipped test
# is a failed one.  run_tests.sh [--only REGEX] PRESET...
set -u
cd "$(dirname "$0")/.." || exit 2

only=()
if [ "${1:-}" = --only ]; then
    only=(-R "$2")
    shift 2
fi

# Read by programs of the preset "thread" only.
export TSAN_OPTIONS="suppressions=$PWD/tests/support/thread.supp allocator_may_return_null=1"

passed=0 failed=0 skipped=0
for preset in "$@"; do
    build=build/$preset
    log=$build/Testing/Temporary/LastTest.log
    rm -f "$log"
    echo "tests of $build"
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "${only[@]}" \
        >"$build/test.out" 2>&1
    code=$?
    awk '/tests passed, / { exit }
        /^ *Start +[0-9]+:|Test +#[0-9]+: / { show = /\*\*\*/ }
        show { print }' "$build/test.out"
    if [ ! -s "$log" ]; then
        cat "$build/test.out"
        failed=$((failed + 1))
        continue
    fi
    read -r p f s < <(awk -f tools/count_tests.awk "$build/test.out" "$log")
    if [ $code -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
if [ -n "${CI:-}" ]; then
    failed=$((failed + skipped))
fi
line="$passed passed, $failed failed"
if [ $skipped -gt 0 ]; then line="$line, $skipped skipped"; fi
echo "$line"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
