#!/bin/sh
# Writes the files that are made from tables in the source, or with --check says which are stale.
#     tools/generate.sh [--check] [BINARY]
set -eu
cd "$(dirname "$0")/.."
check=''
[ "${1:-}" = --check ] && check=1 && shift
program=${1:-build/release/aidetect}
stale=0

# Only defaults go into them: no file, no variable of the caller.
made() {
    env -i "$program" config print --format "$1" /dev/null
}

file() {
    if [ -z "$check" ]; then
        made "$2" >"$1.new" && mv "$1.new" "$1"
    elif ! made "$2" | cmp -s - "$1"; then
        echo "$1 is stale: run tools/generate.sh"
        stale=1
    fi
}

file docs/CONFIGURATION.md markdown
file configs/aidetect.yaml example
exit $stale
