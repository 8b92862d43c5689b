#!/bin/sh
# Builds, fetches the peers that are missing, measures: a table on the terminal, figures in
# build/bench.json.  Peers come from Debian (tools/packages-bench.txt) and, into build/bench only,
# from npm.  A peer that is missing leaves its figures null.
#     bench/run.sh [--quick] [--model FILE] [--no-peers]
set -eu
cd "$(dirname "$0")/.."

cmake --preset release >/dev/null
cmake --build build/release >/dev/null
mkdir -p build/bench

if command -v npm >/dev/null && ! [ -d build/bench/node_modules/onnxruntime-node ]; then
    echo "fetching onnxruntime-node into build/bench ..." >&2
    npm install --ignore-scripts --no-audit --no-fund --silent --prefix build/bench \
        onnxruntime-node >&2 || echo "onnxruntime-node could not be fetched" >&2
fi
exec python3 bench/driver.py "$@"
