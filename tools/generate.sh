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

# Folders that a command of ours fills: nothing else may lie in them.
folder() {
    if [ -z "$check" ]; then
        mkdir -p "$(dirname "$1")" && rm -rf "${1:?}" && cp -r "$made_there/$2" "$1"
    elif ! diff -rq "$made_there/$2" "$1" >/dev/null; then
        diff -rq "$made_there/$2" "$1" || true
        echo "$1 is stale: run tools/generate.sh"
        stale=1
    fi
}

file docs/CONFIGURATION.md markdown
file configs/aidetect.yaml example
made_there=$(mktemp -d)
trap 'rm -rf "$made_there"' EXIT
for what in rules dashboards ownership; do
    env -i "$program" $what --out "$made_there" >/dev/null
done
folder deploy/prometheus prometheus
folder deploy/alertmanager alertmanager
folder deploy/grafana grafana
folder docs/ALERTS.md ALERTS.md
folder docs/METRICS.md METRICS.md
exit $stale
