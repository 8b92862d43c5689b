# A key's life: made and shown once, listed, rotated, revoked; each act leaves a sealed line.
unset AIDETECT_CONFIG
hide() { sed -E 's/[0-9a-f]{12}/ID/g; s/20[0-9-]+T[0-9:]+Z/TIME/g; s/user:[^ ]+ */user:NAME /; s/  +/ /g'; }
aidetect keys list
text=$(aidetect keys create 'front shop' --expires-days 30 2>stderr)
hide <stderr
echo "$text" | grep -cE '^aidetect_[0-9a-f]{12}_[0-9a-f]{64}$'
grep -c "${text##*_}" aidetect-data/keys.json
stat -c '%a %n' aidetect-data/keys.json aidetect-data/audit.jsonl
id=$(aidetect keys list --format json | jq -r '.[0].id')
aidetect keys rotate "$id" --grace-hours 1 2>&1 >/dev/null | hide
aidetect keys list | hide
aidetect keys list --format json | jq -c '.[0] | [.role, .state, .limit_factor, .revoked_at]'
aidetect keys revoke "$id" | hide
aidetect keys revoke "$id" 2>&1 | hide
aidetect keys rotate 000000000000 2>&1
echo "$?"
aidetect keys list | hide
aidetect audit list | hide
aidetect audit verify
sed -i s/keys.rotate/keys.rotatE/ aidetect-data/audit.jsonl
aidetect audit verify
echo "$?"
aidetect audit list --format json --limit 2 | jq -c '[.number, .action, .intact]'
