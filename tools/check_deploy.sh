#!/bin/sh
# Fails when what is deployed disagrees with what is built: versions of the package, the image and
# the program; the package's build dependencies and tools/packages.txt; an image of root or of
# "latest"; a container that may do more than its neighbours.
cd "$(dirname "$0")/.." || exit 2
bad=0

say() {
    echo "$1"
    bad=1
}

version=$(sed -n 's/^project(aidetect VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
packaged=$(sed -n '1s/^aidetect (\([^)]*\)).*/\1/p' debian/changelog)
# shellcheck disable=SC2016  # the variable is compose's
tagged=$(sed -n 's/.*image: aidetect:${AIDETECT_VERSION:-\([0-9.]*\)}.*/\1/p' deploy/docker-compose.yml)
[ "$packaged" = "$version" ] || say "debian/changelog: version '$packaged', CMakeLists.txt says '$version'"
[ "$tagged" = "$version" ] || say "deploy/docker-compose.yml: version '$tagged', CMakeLists.txt says '$version'"

# gcc, make and git are there, or not needed, where packages are built.
listed=$(sed '/^# ---- tests/,$d; s/#.*//' tools/packages.txt | awk 'NF { print $1 }' |
    grep -vxE 'gcc|libc6-dev|make|git' | sort)
wanted=$(sed -n '/^Build-Depends:/,/^$/s/^ \([a-z][a-z0-9.+-]*\),*$/\1/p' debian/control | sort)
[ "$wanted" = "$listed" ] ||
    say "debian/control: Build-Depends and the first part of tools/packages.txt differ"

grep -qE '^USER [1-9]' deploy/Dockerfile || say "deploy/Dockerfile: names no user but root"
grep -q '^HEALTHCHECK ' deploy/Dockerfile || say "deploy/Dockerfile: has no health check"
grep -nE '^FROM.*:latest|^ +image: ([^ ]*:latest|[^:]*)$' deploy/Dockerfile deploy/docker-compose.yml &&
    say "an image without a version"
services=$(grep -c '^    image: ' deploy/docker-compose.yml)
[ "$(grep -c '^    <<: \*container' deploy/docker-compose.yml)" = "$services" ] ||
    say "deploy/docker-compose.yml: a service does not share what holds for each"
exit $bad
