# The compose file is valid from the root of the repository, publishes what runbooks ask on this
# machine alone, mounts what there is, and shares what no container needs.
if command -v docker-compose >/dev/null; then
    compose=docker-compose
elif docker compose version >/dev/null 2>&1; then
    compose='docker compose'
else
    exit 77
fi
cd "$AIDETECT_SOURCE" || exit 1
$compose config --services | sort
$compose config >"$OLDPWD/config" || exit 1
grep -oE '127\.0\.0\.1:[0-9]+:[0-9]+' "$OLDPWD/config" | sort
for setting in 'read_only: true' 'no-new-privileges:true' '- ALL'; do
    echo "$(grep -c -- "$setting" "$OLDPWD/config") $setting"
done
grep -oE "$AIDETECT_SOURCE/[a-z/]+:" "$OLDPWD/config" | while IFS=: read -r path _; do
    [ -e "$path" ] || echo "missing ${path#"$AIDETECT_SOURCE"/}"
done
AIDETECT_VERSION=0.0.9 $compose config | grep -o 'image: aidetect:.*'
