#!/bin/sh
# Configures (once) and builds one preset of CMakePresets.json; quiet unless something is wrong.
set -eu

preset=$1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cd "$(dirname "$0")/.."

if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log"
    exit 1
fi
if [ -t 1 ]; then
    cmake --build "build/$preset"
elif ! cmake --build "build/$preset" >"$log" 2>&1; then
    grep -v '^\[' "$log" || cat "$log"
    exit 1
fi
