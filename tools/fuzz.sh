#!/bin/sh
# Fuzzes with libFuzzer: fuzz.sh TARGET SECONDS, or fuzz.sh all SECONDS for every target in turn,
# which ends in a table of executions, coverage and finds.  Finds stay in build/fuzz/finds-TARGET;
# one that shows a bug belongs into tests/fuzz/corpus/TARGET.
set -eu
cd "$(dirname "$0")/.."

target=${1:-}
seconds=${2:-60}

targets() {
    find tests/fuzz -name 'fuzz_*.c' | sed 's|.*/fuzz_\(.*\)\.c|\1|' | sort
}

if [ "$target" != all ] && [ ! -f "tests/fuzz/fuzz_$target.c" ]; then
    echo "usage: make fuzz T=TARGET S=SECONDS, or make fuzz SECONDS=SECONDS for all; targets:"
    targets | sed 's/^/  /'
    exit 64
fi
tools/build.sh fuzz

program_of() {
    find build/fuzz -type f -name "fuzz_$1" -perm -u+x | head -1
}

# Inputs that bring new coverage are kept beside the finds: the next run begins with them.
run() {
    mkdir -p "build/fuzz/finds-$1" "tests/fuzz/corpus/$1"
    program=$(program_of "$1")
    [ -n "$program" ] || { echo "fuzz: no program fuzz_$1 below build/fuzz"; exit 70; }
    "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=30 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/finds-$1/" "build/fuzz/finds-$1" "tests/fuzz/corpus/$1"
}

if [ "$target" != all ]; then
    run "$target"
    exit
fi

# "cov: 123" of the last line of progress; "stat::number_of_executed_units: 456".
number_of() {
    sed -n "s/.*$1 *\([0-9]*\).*/\1/p" "$2" | tail -1
}

failed=0
table=build/fuzz/table
: >"$table"
for each in $(targets); do
    log=build/fuzz/$each.log
    echo "fuzz: $each for $seconds s" >&2
    state=none
    run "$each" >"$log" 2>&1 || { state=FOUND; failed=1; }
    printf '%-12s %14s %10s %8s\n' "$each" "$(number_of 'number_of_executed_units:' "$log")" \
        "$(number_of 'cov:' "$log")" "$state" >>"$table"
done
printf '%-12s %14s %10s %8s\n' target executions coverage finds
cat "$table"
[ "$failed" -eq 0 ] || echo "fuzz: the logs are build/fuzz/TARGET.log"
exit "$failed"
