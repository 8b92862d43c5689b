#!/bin/sh
# Fuzzes one target for some seconds with libFuzzer: fuzz.sh TARGET SECONDS.  Finds stay in
# build/fuzz/finds-TARGET; one that shows a bug belongs into tests/fuzz/corpus/TARGET.
set -eu
cd "$(dirname "$0")/.."

target=${1:-}
seconds=${2:-60}
if [ ! -f "tests/fuzz/fuzz_$target.c" ]; then
    echo "usage: make fuzz T=TARGET S=SECONDS; targets:"
    find tests/fuzz -name 'fuzz_*.c' | sed 's|.*/fuzz_\(.*\)\.c|  \1|' | sort
    exit 64
fi
tools/build.sh fuzz
mkdir -p "build/fuzz/finds-$target" "tests/fuzz/corpus/$target"
program=$(find build/fuzz -type f -name "fuzz_$target" -perm -u+x | head -1)
[ -n "$program" ] || { echo "fuzz: no program fuzz_$target below build/fuzz"; exit 70; }
exec "$program" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 \
    -artifact_prefix="build/fuzz/finds-$target/" "build/fuzz/finds-$target" \
    "tests/fuzz/corpus/$target"
