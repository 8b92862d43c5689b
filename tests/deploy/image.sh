#!/bin/bash
# deploy/Dockerfile built and run as an engine would, without one and without a registry: the base
# is a minimal Debian made here.  Ends in "N passed, N failed"; needs root,
# tools/packages-deploy.txt and a package mirror.
# shellcheck source=tests/deploy/system.sh
. "$(dirname "$0")/system.sh"
isolated "$@"
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
engine=(buildah --root "$work/storage" --runroot "$work/run")
base=localhost/debian-minimal:$suite
image=localhost/aidetect:test
size_max_mb=120

# The base of the build, as an image.
import_base() {
    make_base
    local container
    container=$("${engine[@]}" from scratch) &&
        "${engine[@]}" add --quiet "$container" "$cache/base.tar" / >/dev/null &&
        "${engine[@]}" commit --quiet --rm "$container" "$base" >/dev/null
}

build_image() {
    quietly build.log "${engine[@]}" bud --format docker --layers=false --file "$source/deploy/Dockerfile" \
        --build-arg DEBIAN="$base" --build-arg REVISION=deploy-test --tag "$image" "$source"
}

# config PATH: a value of the image's configuration, as JSON.
config() {
    jq -c ".Docker.config.$1" image.json
}

# What an engine does with the image: its root, read-only but for /data and /tmp, its user,
# environment and network, and no privilege to gain.  Sets $container, the words before a command.
mount_image() {
    local container_id
    "${engine[@]}" inspect --type image "$image" >image.json || return 1
    container_id=$("${engine[@]}" from "$image") && tree=$("${engine[@]}" mount "$container_id") || return 1
    mount --bind "$tree" "$tree" && mount -o remount,bind,ro "$tree" &&
        mount -t proc proc "$tree/proc" && mount --rbind /dev "$tree/dev" &&
        mount -t tmpfs -o uid=10001,gid=10001,mode=700 tmpfs "$tree/data" &&
        mount -t tmpfs -o mode=1777,size=64m tmpfs "$tree/tmp" || return 1
    local environment
    mapfile -t environment < <(jq -r '.Docker.config.Env[]' image.json)
    mapfile -t entry < <(jq -r '.Docker.config | (.Entrypoint + .Cmd)[]' image.json)
    mapfile -t probe < <(jq -r '.Docker.config.Healthcheck.Test[1:][]' image.json)
    ip netns add "$network" && ip -n "$network" link set lo up || return 1
    container=(ip netns exec "$network" env -i "${environment[@]}" setpriv --no-new-privs --
        chroot --userspec="$(jq -r .Docker.config.User image.json)" --groups= "$tree")
}

in_image() {
    "${container[@]}" "$@" </dev/null
}

size_mb() {
    du -sx --apparent-size --block-size=1000000 "$tree" | cut -f1
}

# Programs that are no part of the service: shells, package managers, what runs as somebody else.
not_needed() {
    find "$tree" -xdev \( -perm /6000 -o -type f \( -name '*sh' -o -name 'apt*' -o -name 'dpkg*' -o -name 'gcc*' \) \) \
        -path "$tree/*" ! -path "$tree/usr/share/*" -printf '%P\n'
}

judge_a_photo() {
    local key
    key=$(in_image /usr/bin/aidetect keys create shop | grep -oE 'aid_[^ ]+|[A-Za-z0-9_-]{32,}' | head -1)
    "$source/build/release/tests/make_photo" texture-jpeg "$tree/tmp/photo.jpg" && [ -n "$key" ] || return 1
    within 5 ask "$key"
}

ask() {
    in_image /usr/bin/aidetect client predict --api-key "$1" http://127.0.0.1:8080 /tmp/photo.jpg
    [ $? -le 1 ] # real or AI-generated: both are verdicts
}

not_written() {
    ! touch "$tree/usr/written" && ! in_image /usr/bin/aidetect keys create shop --data /usr/data
}

test_contents() {
    local size
    size=$(size_mb)
    check "the image has $size MB, at most $size_max_mb are allowed" test "$size" -le $size_max_mb
    same "its user is not root" '"10001:10001"' "$(config User)"
    same "it listens on 8080" '{"8080/tcp":{}}' "$(config ExposedPorts)"
    same "its state is a volume" '{"/data":{}}' "$(config Volumes)"
    same "it is stopped by SIGTERM" '"SIGTERM"' "$(config StopSignal)"
    same "it has no shell, package manager or set-user-id program" "" "$(not_needed)"
    check "its parts are listed for scanners" test -s "$tree/var/lib/dpkg/status.d/libdnnl2"
    check "the program runs" in_image /usr/bin/aidetect version
    check "it names its revision" sh -c '"$@" | grep -q deploy-test' - "${container[@]}" /usr/bin/aidetect version
}

test_service() {
    local server
    check "the health check fails while nothing runs" refused in_image "${probe[@]}"
    "${container[@]}" "${entry[@]}" >serve.out 2>serve.log </dev/null &
    server=$!
    check "it starts with its own command" within 60 grep -q serve.ready serve.log
    check "the health check succeeds" in_image "${probe[@]}"
    same "/health answers 200" 200 \
        "$(ip netns exec "$network" curl -s -o health.json -w '%{http_code}' http://127.0.0.1:8080/health)"
    same "it runs as user 10001" 10001 "$(stat -c %u /proc/$server)"
    check "a key is made and a photo is judged" judge_a_photo
    check "nothing but /data and /tmp can be written" not_written
    kill $server
    wait $server
    same "SIGTERM ends it with 0" 0 $?
    check "the health check fails again" refused in_image "${probe[@]}"
}

network=aidetect-image-$$-$RANDOM
mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns # names of networks go with the mounts
check "the base is imported" import_base
check "deploy/Dockerfile builds" build_image
check "the image is mounted, read-only" mount_image
if [ $failed -eq 0 ]; then
    test_contents
    test_service
fi
check "deploy/docker-compose.yml is valid" docker-compose --project-directory "$source/deploy" \
    -f "$source/deploy/docker-compose.yml" config --quiet
summary
