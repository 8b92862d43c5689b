#!/bin/sh
# Fails when an alert has no runbook, a runbook no alert, or a runbook lacks a part that people look
# for at night; when a dashboard breaks a rule of tools/check_dashboards.py.
cd "$(dirname "$0")/.." || exit 2
bad=0

say() {
    echo "$1"
    bad=1
}

alerts=$(sed -n 's/^ALERT("\([A-Za-z]*\)".*/\1/p' src/service/alerts.def)
for alert in $alerts; do
    [ -f "docs/runbooks/$alert.md" ] || say "alert $alert has no docs/runbooks/$alert.md"
done
for file in docs/runbooks/*.md; do
    name=$(basename "$file" .md)
    echo "$alerts" | grep -qx "$name" || say "$file belongs to no alert"
    [ "$(head -1 "$file")" = "# $name" ] || say "$file is not headed '# $name'"
    for part in Meaning Impact Diagnosis Actions Afterwards; do
        grep -qx "## $part" "$file" || say "$file has no '## $part'"
    done
done
python3 tools/check_dashboards.py deploy/grafana/dashboards/*.json || bad=1
exit $bad
