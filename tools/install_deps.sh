#!/bin/sh
# Installs the packages of a list (first word of each line) that are missing; nothing to do is fast.
# install_deps.sh [--build] [LIST]: with --build only those above the line "# ---- tests".
set -eu

until='^$^'
if [ "${1:-}" = --build ]; then
    until='^# ---- tests'
    shift
fi
list=${1:-tools/packages.txt}

missing() {
    sed "/$until/,\$d; s/#.*//" "$list" | awk 'NF { print $1 }' | while read -r package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install() {
    # shellcheck disable=SC2086  # one word a package
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $1
}

command -v dpkg-query >/dev/null || {
    echo "deps: no dpkg here; install by hand what $list names" >&2
    exit 0
}
packages=$(missing)
[ -n "$packages" ] || exit 0
echo "deps: installing $packages"
if ! install "$packages"; then
    as_root apt-get update -q
    install "$packages"
fi
