#!/bin/bash
# Run as root inside a booted system by tests/deploy/systemd.sh: the unit as systemd runs it.
cd "$(dirname "$0")" || exit 2
. ./checks.sh
url=http://127.0.0.1:8080
settings=/etc/aidetect/aidetect.yaml
slow=${SLOW:-1} # emulated processors take this many times longer

property() {
    systemctl show -P "$1" aidetect.service
}

main_pid() {
    property MainPID
}

# override LINE...: lines of [Service] that hold until the next call; none: the unit as shipped.
override() {
    rm -rf /run/systemd/system/aidetect.service.d
    if [ $# -gt 0 ]; then
        mkdir -p /run/systemd/system/aidetect.service.d
        printf '%s\n' '[Service]' "$@" >/run/systemd/system/aidetect.service.d/test.conf
    fi
    systemctl daemon-reload
}

# The start limit is for crashes; these starts are meant.
restart() {
    systemctl reset-failed aidetect.service
    systemctl restart aidetect.service
}

code_of() {
    curl -s -m $((10 * slow)) -o answer.json -w '%{http_code}' "$@"
}

answers() {
    [ "$(code_of "$url/readyz")" = 200 ]
}

metric() {
    curl -s "$url/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

metric_is() {
    [ "$(metric "$1")" = "$2" ]
}

state_is() {
    [ "$(property ActiveState)" = "$1" ]
}

# Another main process than $1, and it answers.
follows() {
    local pid
    pid=$(main_pid)
    [ "$pid" != "$1" ] && [ "$pid" != 0 ] && state_is active && answers
}

judged() {
    [ "$(code_of -F file=@photo.jpg "$url/predict")" = 200 ] && grep -q '"prediction":"\(real\|ai\)' answer.json
}

test_ready() {
    check "started at boot" within $((60 * slow)) state_is active
    same "enabled" enabled "$(systemctl is-enabled aidetect.service)"
    local early=0
    for _ in 1 2 3 4 5; do
        restart && answers || early=$((early + 1))
    done
    same "active means ready: the first request is answered after each of 5 starts" 0 $early
    check "systemd shows what the program says of itself" sh -c '[ "$1" = serving ]' - "$(property StatusText)"
    override ExecStart= 'ExecStart=/usr/bin/env -u NOTIFY_SOCKET /usr/bin/aidetect serve' TimeoutStartSec=$((5 * slow))
    check "without READY it never becomes active" refused restart
    override
    systemctl stop aidetect.service
    echo 'queue: {max: 0}' >/run/wrong.yaml
    override Environment=AIDETECT_CONFIG=/run/wrong.yaml
    check "wrong settings: it does not start" refused restart
    check "... the journal names the value" sh -c 'journalctl -b -u aidetect.service | grep -q "queue.max"'
    sleep $((2 * slow))
    same "... and is not tried again" "failed 0" "$(property ActiveState) $(property NRestarts)"
    override
    check "starts with the settings of the package" restart
}

test_sandbox() {
    check "a photo is judged" judged
    local pid
    pid=$(main_pid)
    same "user, capabilities, privileges, system calls" \
        "CapBnd:0000000000000000 CapEff:0000000000000000 NoNewPrivs:1 Seccomp:2 aidetect" \
        "$(rights_of "$pid")$(stat -c %U "/proc/$pid")"
    check "it cannot write outside its state" refused may_write "$pid"
    check "it sees no other user's process" sees_no_other "$pid"
    check "it sees no devices but the harmless" refused sees_devices "$pid"
    same "its state folder is its own" "700 aidetect aidetect" "$(stat -c '%a %U %G' /var/lib/aidetect)"
    same "nothing in it is for others" "" "$(find /var/lib/aidetect -perm /077 -o ! -user aidetect)"
    check "the prediction is on record" within 10 recorded 1
    check "systemd has nothing to complain about" refused complaints
}

rights_of() {
    awk '/^(CapEff|CapBnd|NoNewPrivs|Seccomp):/ { print $1 $2 }' "/proc/$1/status" | sort | tr '\n' ' '
}

# Even root may not, among the mounts that the service sees.
may_write() {
    local folder
    for folder in /etc/aidetect /usr /var /root; do
        if nsenter -t "$1" -m touch $folder/written; then
            echo "$folder can be written"
            return 0
        fi
    done
    return 1
}

sees_no_other() {
    nsenter -t "$1" -m --setuid "$(id -u aidetect)" --setgid "$(id -g aidetect)" \
        sh -c 'test -e /proc/self/status -a ! -e /proc/1'
}

sees_devices() {
    nsenter -t "$1" -m ls /dev | grep -xE 'kmsg|mem|sda|vda|ttyS0'
}

recorded() {
    [ "$(as_service predictions export --format jsonl | grep -c '"prediction":')" -ge "$1" ]
}

# As people do: sudo -u aidetect aidetect ...
as_service() {
    setpriv --reuid aidetect --regid aidetect --clear-groups -- aidetect "$@"
}

complaints() {
    journalctl -b -o cat -t systemd | grep -E 'aidetect\.(service|socket)' |
        grep -iE 'unknown|ignoring|not supported|unsupported|failed to (parse|set|attach|load)'
}

# Only this machine may connect: IPAddressDeny, through an address of the machine that is not local.
test_addresses() {
    override Environment=AIDETECT_LISTEN=0.0.0.0:8080 Environment=AIDETECT_AUTH_REQUIRED=off
    ip link set lo up && ip address add 198.51.100.1/32 dev lo
    check "listens to all addresses" restart
    check "answers 127.0.0.1" answers
    check "does not answer another address" refused curl -s -m 3 -o /dev/null http://198.51.100.1:8080/health
    override Environment=AIDETECT_LISTEN=0.0.0.0:8080 Environment=AIDETECT_AUTH_REQUIRED=off \
        IPAddressAllow=198.51.100.0/24
    restart
    check "... until it is allowed" curl -s -m 10 -o /dev/null http://198.51.100.1:8080/health
    ip address del 198.51.100.1/32 dev lo
    override
    restart
}

test_watchdog() {
    same "asked for a sign of life every 90 s" 1min\ 30s "$(systemctl show -p WatchdogUSec --value aidetect.service)"
    override WatchdogSec=$((2 * slow))
    restart
    local pid
    pid=$(main_pid)
    sleep $((7 * slow))
    same "alive through three periods of the watchdog" "$pid 0" "$(main_pid) $(property NRestarts)"
    kill -STOP "$pid"
    check "a process that hangs is replaced" within $((30 * slow)) follows "$pid"
    check "... because of the watchdog" sh -c 'journalctl -b -o cat -u aidetect.service | grep -q "Watchdog timeout"'
    override
    restart
}

test_reload() {
    local pid threshold=aidetect_model_threshold_ratio
    pid=$(main_pid)
    sed -i 's/^#threshold: .*/threshold: "0.875"/' $settings
    check "reloads" systemctl reload aidetect.service
    check "... the new settings are in use" within $((10 * slow)) metric_is $threshold 0.875
    same "... in the same process" "$pid" "$(main_pid)"
    sed -i 's/^threshold: .*/threshold: "2"/' $settings
    check "reload says that settings are wrong" refused systemctl reload aidetect.service
    check "... a metric shows it" within $((10 * slow)) metric_is aidetect_config_last_reload_successful 0
    same "... the settings before are in use" 0.875 "$(metric $threshold)"
    check "... and it still serves" judged
    sed -i 's/^threshold: .*/threshold: "0.5"/' $settings
    check "reloads corrected settings" systemctl reload aidetect.service
    check "... which are in use" within $((10 * slow)) metric_is $threshold 0.5
    check "... and the metric is good again" metric_is aidetect_config_last_reload_successful 1
}

test_crash() {
    local pid
    restart
    pid=$(main_pid)
    kill -KILL "$pid"
    check "killed, it is started again" within $((20 * slow)) follows "$pid"
    same "... once" 1 "$(property NRestarts)"
    check "... and judges" judged
}

# SIGUSR2: the program replaces itself; systemd must follow the new process.
test_handover() {
    local pid
    restart
    pid=$(main_pid)
    systemctl kill -s USR2 --kill-whom=main aidetect.service
    check "replaces itself on SIGUSR2, systemd follows" within $((30 * slow)) follows "$pid"
    check "... the old process ends" within $((30 * slow)) sh -c "! kill -0 $pid"
    sleep 2
    check "... the unit stays active" state_is active
    same "... without a restart" 0 "$(property NRestarts)"
    check "... judges" judged
    pid=$(main_pid)
    check "... reloads" systemctl reload aidetect.service
    kill -KILL "$pid"
    check "... killed, it is started again" within $((20 * slow)) follows "$pid"
}

# A photo is on its way for some seconds while the service is stopped.
test_stop() {
    restart
    curl -s -m $((60 * slow)) --limit-rate 20k -o late.json -w '%{http_code}' -F file=@photo.jpg \
        "$url/predict" >late.code &
    local client=$!
    within 10 under_way
    check "stops" systemctl stop aidetect.service
    wait $client
    same "... what was under way is answered" 200 "$(cat late.code)"
    same "... it ended with 0" "inactive success 0" \
        "$(property ActiveState) $(property Result) $(property ExecMainStatus)"
    check "... cleanly, as the journal says" stopped_cleanly
}

stopped_cleanly() {
    journalctl -b -o cat -u aidetect.service | grep serve.stopped | tail -1 | grep -q clean=true
}

under_way() {
    [ "$(curl -s "$url/health" | grep -o '"active_requests":[0-9]*' | cut -d: -f2)" -ge 1 ]
}

# Connections wait in the kernel while the service starts and restarts.
test_socket() {
    systemctl stop aidetect.service
    check "the socket is enabled" systemctl enable --now aidetect.socket
    check "... it listens, the service does not run" state_is inactive
    check "... the first connection starts it, and is answered" \
        curl -sf -m $((60 * slow)) -o /dev/null "$url/health"
    check "... active" within $((30 * slow)) state_is active
    touch asking
    count_refused >refused.count &
    local client=$!
    restart
    restart
    rm asking
    wait $client
    same "... no connection is refused during two restarts" 0 "$(cut -d' ' -f1 refused.count)"
    check "... some were made" test "$(cut -d' ' -f2 refused.count)" -gt 2
    local pid
    pid=$(main_pid)
    kill -KILL "$pid"
    check "... killed, it is started again on the socket" within $((20 * slow)) follows "$pid"
    systemctl disable --now aidetect.socket 2>/dev/null
    check "... without the socket it listens by itself" restart
    check "... and answers" answers
}

count_refused() {
    local refused=0 made=0
    while [ -e asking ]; do
        made=$((made + 1))
        curl -s -m $((60 * slow)) -o /dev/null "$url/healthz" || refused=$((refused + 1))
    done
    echo "$refused $made"
}

# An administrator upgrades and removes while it runs.
test_package() {
    local pid
    restart
    pid=$(main_pid)
    judged
    within 10 recorded 1
    check "the package is upgraded while it runs" dpkg -i next.deb
    check "... the service runs the new one" follows "$pid"
    check "... with its records" recorded 1
    check "the package is removed while it runs" dpkg -r aidetect
    check "... the service has stopped" refused answers
    check "the package is purged" dpkg -P aidetect
    check "... its user is gone" refused id aidetect
    check "... systemd knows no such unit" sh -c '[ "$(systemctl show -P LoadState aidetect.service)" = not-found ]'
}

for part in ${PARTS:-ready sandbox addresses watchdog reload crash handover stop socket package}; do
    "test_$part"
done
summary
