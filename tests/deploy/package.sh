#!/bin/bash
# The Debian package from install to purge, in a minimal Debian of its own.  Ends in
# "N passed, N failed"; needs root, tools/packages-deploy.txt and a package mirror.
# shellcheck source=tests/deploy/system.sh
. "$(dirname "$0")/system.sh"
isolated "$@"
root=$work/root
settings=$root/etc/aidetect/aidetect.yaml
state=$root/var/lib/aidetect

# next.deb once more, with a higher version and other settings.
change_settings() {
    dpkg-deb -R next.deb changed
    sed -i 's/^Version: .*/Version: 9.1~test/' changed/DEBIAN/control
    echo '# from the package' >>changed/etc/aidetect/aidetect.yaml
    dpkg-deb --root-owner-group -b changed changed.deb >/dev/null
}

# install FILE [OPTION...]: as an administrator would, with what it depends on.
install() {
    local file=$1
    shift
    cp "$file" "$root/root/$file"
    quietly apt.log enter "$root" apt-get install -y -q --no-install-recommends --allow-downgrades "$@" "/root/$file"
}

remove() {
    quietly apt.log enter "$root" apt-get "$1" -y -q aidetect
}

installed_version() {
    # shellcheck disable=SC2016  # the fields are dpkg's
    enter "$root" dpkg-query -W -f '${Version} ${db:Status-Status}' aidetect
}

# serve COMMAND...: runs COMMAND with $url while the service runs as its user in the new system.
serve() {
    local server status=0
    rm -f url serve.log
    # A command of its own and no function, so that $! is the service and not a shell before it.
    "${clean[@]}" chroot --userspec=aidetect:aidetect "$root" aidetect serve --listen 127.0.0.1:0 >url 2>serve.log &
    server=$!
    within 60 grep -q serve.ready serve.log || cat serve.log
    url=$(grep -o 'http://[0-9.:]*' url)
    "$@" || status=$?
    kill $server
    wait $server || {
        echo "the service ended with $?"
        status=1
    }
    return $status
}

health() {
    enter "$root" aidetect client health "$url"
}

judge_a_photo() {
    "$source/build/release/tests/make_photo" texture-jpeg "$root/tmp/photo.jpg" || return 1
    enter "$root" aidetect client predict "$url" /tmp/photo.jpg
    [ $? -le 1 ] # real or AI-generated: both are verdicts
}

make_key() {
    as_service "$root" aidetect keys create shop >/dev/null
}

# What an upgrade must not lose, as the program shows it.
kept() {
    as_service "$root" aidetect keys list &&
        as_service "$root" aidetect predictions export --format jsonl &&
        grep '^threshold' "$settings"
}

changed_settings_wait_beside() {
    grep -q '^threshold: "0.7"' "$settings" && ! grep -q 'from the package' "$settings" &&
        grep -q 'from the package' "$settings.dpkg-dist"
}

# Files below the new system that name the program, logs and caches of dpkg and apt left out.
leftovers() {
    find "$root" -xdev \( -path "$root/root" -o -path "$root/tmp" -o -path "$root/var/log" \
        -o -path "$root/var/cache" \) -prune -o -name '*aidetect*' -print
    enter "$root" getent passwd aidetect
    enter "$root" getent group aidetect
}

test_install() {
    check "lintian finds no error" lintian --allow-root --fail-on error first.deb
    check "installs into a minimal Debian, dependencies and all" install first.deb
    same "version $version is installed" "$version installed" "$(installed_version)"
    same "its files are as packaged" "" "$(enter "$root" dpkg --verify aidetect)"
    check "a manual page is there" test -e "$root/usr/share/man/man1/aidetect.1.gz"
    check "the program runs" enter "$root" aidetect version
    check "user and group are there, without a shell" \
        enter "$root" sh -c '[ "$(id -u aidetect)" -lt 1000 ] && [ "$(id -g aidetect)" -lt 1000 ] &&
            getent passwd aidetect | grep -q :/usr/sbin/nologin$'
    same "its state is its own" "700 aidetect aidetect" "$(enter "$root" stat -c '%a %U %G' /var/lib/aidetect)"
    # shellcheck disable=SC2016  # the field is dpkg's
    same "the settings are a conffile" "/etc/aidetect/aidetect.yaml" \
        "$(enter "$root" dpkg-query -W -f '${Conffiles}' aidetect | awk 'NF { print $1 }')"
    check "the settings are sound" enter "$root" aidetect config check
    same "the service is enabled" enabled "$(enter "$root" systemctl is-enabled aidetect.service)"
    same "the socket is not" disabled "$(enter "$root" systemctl is-enabled aidetect.socket)"
    check "serves as its user: /health answers" serve health
    check "serves as its user: a photo is judged" serve judge_a_photo
    check "a key is made as its user" make_key
}

test_upgrade() {
    sed -i 's/^#threshold: .*/threshold: "0.7"/' "$settings"
    enter "$root" systemctl disable aidetect.service 2>/dev/null
    kept >before 2>&1
    check "there is something to lose" grep -q '"prediction":' before
    check "upgrades" install next.deb
    same "version $next_version is installed" "$next_version installed" "$(installed_version)"
    same "settings, keys and predictions are kept" "$(cat before)" "$(kept 2>&1)"
    same "what was disabled stays so" disabled "$(enter "$root" systemctl is-enabled aidetect.service)"
    check "serves after the upgrade" serve health
    check "upgrades to other settings" install changed.deb -o Dpkg::Options::=--force-confold
    check "edited settings are kept, the package's lie beside them" changed_settings_wait_beside
    check "goes back to the version before" install next.deb -o Dpkg::Options::=--force-confold
    same "settings, keys and predictions are still kept" "$(cat before)" "$(kept 2>&1)"
}

test_remove() {
    enter "$root" systemctl enable aidetect.service 2>/dev/null
    check "removes" remove remove
    check "program and units are gone" \
        test ! -e "$root/usr/bin/aidetect" -a ! -e "$root/lib/systemd/system/aidetect.service"
    check "settings and state are kept" test -e "$settings" -a -e "$state/keys.json"
    check "installs again" install first.deb
    same "settings, keys and predictions are there again" "$(cat before)" "$(kept 2>&1)"
    same "the service is enabled again" enabled "$(enter "$root" systemctl is-enabled aidetect.service)"
    check "purges" remove purge
    same "nothing is left: settings, state, user, links" "" "$(leftovers)"
    check "installs once more" install first.deb
    check "serves from nothing" serve health
    check "purges what is installed" remove purge
    same "nothing is left again" "" "$(leftovers)"
}

build_packages
change_settings || exit 2
version=$(dpkg-deb -f first.deb Version)
unpack "$root"
test_install
test_upgrade
test_remove
summary
