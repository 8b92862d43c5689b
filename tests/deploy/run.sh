#!/bin/bash
# make deploy-test: package, image and unit, each by its script; the last line sums them.
cd "$(dirname "$0")" || exit 2
passed=0 failed=0
for name in package image systemd; do
    log=$(mktemp)
    echo "== $name"
    ./$name.sh 2>&1 | tee "$log"
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
    rm -f "$log"
    if [ -z "$last" ]; then
        echo "FAILED  $name.sh came to no end"
        failed=$((failed + 1))
        continue
    fi
    passed=$((passed + ${last%% passed*}))
    last=${last#*, }
    failed=$((failed + ${last%% failed*}))
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
