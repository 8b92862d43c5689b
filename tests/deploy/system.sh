# Systems of their own to install into; sourced by the scripts beside it.
#
# A script calls `isolated "$@"` first.  It is then run again with mounts and processes of its own:
# however it ends, nothing stays mounted or running, and its folder $work is removed.
#   DEBIAN_MIRROR   where debootstrap takes Debian from [its own default]
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
cache=$source/build/deploy
suite=bookworm
next_version=9.0~test
isolated() {
    if [ -n "${work:=${DEPLOY_WORK:-}}" ]; then
        trap 'exit 130' INT TERM
        cd "$work" || exit 2
        export TMPDIR=$work
        # shellcheck source=tests/deploy/checks.sh
        . "$here/checks.sh"
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true; then
        echo "${0##*/}: needs root and namespaces of its own (unshare)" >&2
        exit 2
    fi
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/work.XXXXXX") || exit 2
    DEPLOY_WORK=$work unshare --mount --pid --fork --kill-child --mount-proc "$0" "$@" &
    inner=$!
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    wait $inner
    exit
}

# With $inner end all processes below it, and their mounts with them.  What is left are its folder
# and the control groups of a container.
clean_up() {
    kill -KILL $inner 2>/dev/null
    wait $inner 2>/dev/null
    local groups end=$((SECONDS + 10))
    while groups=$(find /sys/fs/cgroup -depth -type d -path "*/${work##*/}*") &&
        [ -n "$groups" ] && [ $SECONDS -lt $end ]; do
        # shellcheck disable=SC2086  # one word a path
        rmdir $groups 2>/dev/null || sleep 0.2
    done
    rm -rf --one-file-system "$work"
}

# A minimal Debian, made once in a week: $cache/base.tar.
make_base() {
    [ -z "$(find "$cache/base.tar" -mtime -7 2>/dev/null)" ] || return 0
    echo "        making a minimal Debian (debootstrap, about a minute)"
    debootstrap --variant=minbase $suite base ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >debootstrap.log 2>&1 &&
        tar --one-file-system -C base -cf base.tar . && mv base.tar "$cache/base.tar" && rm -rf base || {
        tail -20 debootstrap.log >&2
        exit 2
    }
}

# unpack ROOT: a fresh minimal Debian there, with the kernel's file systems.
unpack() {
    make_base
    mkdir -p "$1"
    tar -C "$1" -xf "$cache/base.tar"
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/unsafe" # it does not outlive the test
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t sysfs -o ro sysfs "$1/sys" || exit 2
    enter "$1" apt-get update -q >apt.log 2>&1 || {
        tail -20 apt.log >&2
        exit 2
    }
}

# enter ROOT COMMAND...: runs it there as root; as_service ROOT COMMAND...: as the service's user.
clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
    DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"})

enter() {
    "${clean[@]}" chroot "$@" </dev/null
}

as_service() {
    "${clean[@]}" chroot --userspec=aidetect:aidetect "$@" </dev/null
}

# quietly LOG COMMAND...: shows the end of what it printed when it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -20 "$log"
        return 1
    }
}

# The package as built, first.deb, and one of a higher version, next.deb, from the same tree.
build_packages() {
    local file
    file=$(make --silent -C "$source" package | tail -1) &&
        cp "$source/$file" first.deb || exit 2
    file=$(make --silent -C "$source" package PACKAGE_VERSION=$next_version | tail -1) &&
        mv "$source/$file" next.deb || exit 2
    rm -f "$source/build/aidetect-dbgsym_$next_version"_*.deb
}
