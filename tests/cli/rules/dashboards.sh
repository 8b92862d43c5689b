# Dashboards pass the linter; one that is spoiled does not.
aidetect dashboards --out made
python3 "$AIDETECT_SOURCE/tools/check_dashboards.py" made/grafana/dashboards/*.json && echo clean
jq -r '.uid + " " + (.panels | map(select(.type != "row")) | length > 15 | tostring)' made/grafana/dashboards/*.json
file=made/grafana/dashboards/ai-detector-infra.json
jq '.editable = true | .templating.list[1].multi = false
    | (.panels[] | select(.title == "Workers")) |= (.description = "" | .targets[0].expr = "rate(aidetect_workers{job=\"x\"}[5m]) + aidetect_errors_total")' "$file" >spoiled.json
python3 "$AIDETECT_SOURCE/tools/check_dashboards.py" spoiled.json
echo $?
