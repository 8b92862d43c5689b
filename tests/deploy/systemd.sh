#!/bin/bash
# The unit under a systemd of its own: a minimal Debian with the package is booted, and what
# tests/deploy/inside.sh asks is asked there.  Ends in "N passed, N failed"; needs root,
# tools/packages-deploy.txt and a package mirror.
#   systemd.sh           booted as a container (systemd-nspawn), seconds
#   systemd.sh --machine booted as a machine of its own with Debian's kernel (qemu), many minutes
#                        where the processor is emulated
#   PARTS="ready stop"   only these parts of inside.sh
# shellcheck source=tests/deploy/system.sh
. "$(dirname "$0")/system.sh"
machine=${1:-}
isolated "$@"
root=$work/root
exposure_max=1.5

# The system: the package, what inside.sh needs, and a unit that runs it once all is up.
install_system() {
    unpack "$root"
    local guest=$root/root output=/root/result
    [ -z "$machine" ] || output=/dev/ttyS1
    cp "$here/checks.sh" "$here/inside.sh" first.deb next.deb "$guest/"
    "$source/build/release/tests/make_photo" texture-jpeg "$guest/photo.jpg"
    quietly apt.log enter "$root" apt-get install -y -q --no-install-recommends \
        systemd-sysv dbus curl iproute2 ${machine:+linux-image-cloud-amd64} /root/first.deb || return 1
    cat >"$root/etc/systemd/system/inside.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
Environment=HOME=/root "PARTS=${PARTS:-}" SLOW=${machine:+10}
ExecStart=/bin/bash /root/inside.sh
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:$output
StandardError=inherit
[Install]
WantedBy=graphical.target
UNIT
    enter "$root" systemctl enable inside.service 2>/dev/null
}

# A group of its own, so that the container's systemd rules nobody else's processes.
own_group() {
    local hierarchy group
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -e "$hierarchy/cgroup.procs" ] || continue
        group=$hierarchy/$(basename "$work")
        mkdir -p "$group" && echo "$BASHPID" >"$group/cgroup.procs" || return 1
    done
}

boot_container() {
    umount -R "$root/proc" "$root/dev" "$root/sys"
    mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd # what nspawn notes there goes with it
    : >"$root/root/result"
    (
        own_group || exit 1
        # IPAddressDeny is a program in the kernel, which a container may not load by default.
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec timeout --kill-after=10 1200 systemd-nspawn --quiet \
            --register=no --keep-unit --private-network --system-call-filter=bpf \
            --capability=CAP_BPF,CAP_PERFMON --console=pipe --directory="$root" \
            --boot systemd.show_status=0 >console.log 2>&1 </dev/null
    ) &
    tail -n +1 -f --pid=$! "$root/root/result"
    cp "$root/root/result" result
}

exposure() {
    systemd-analyze security --offline=true --no-pager "$source/deploy/aidetect.service" |
        sed -n 's/.*exposure level for aidetect.service: \([0-9.]*\).*/\1/p'
}

build_packages
score=$(exposure)
check "systemd-analyze security: exposure $score, at most $exposure_max is allowed" \
    awk -v score="$score" -v max=$exposure_max 'BEGIN { exit !(score != "" && score <= max) }'
check "the system is installed" install_system
if [ -n "$machine" ]; then
    . "$here/machine.sh"
    boot_machine
else
    boot_container
fi
last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' result | tail -1 | tr -d '\r')
check "the system ran to its end" test -n "$last"
if [ -n "$last" ]; then
    passed=$((passed + ${last%% passed*}))
    last=${last#*, }
    failed=$((failed + ${last%% failed*}))
else
    tail -20 console.log
fi
summary
