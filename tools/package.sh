#!/bin/sh
# The Debian package: build/aidetect_VERSION_ARCH.deb.  VERSION is the changelog's unless
# PACKAGE_VERSION says another (0.1.1~rc1).  No privilege is needed.
set -eu
cd "$(dirname "$0")/.."
umask 022

command -v dh >/dev/null || {
    echo "package: debhelper is missing; make deps installs it" >&2
    exit 1
}
version=${PACKAGE_VERSION:-$(dpkg-parsechangelog -S Version)}
log=build/package.log
mkdir -p build
export DEB_RULES_REQUIRES_ROOT=no PACKAGE_VERSION="$version"
rm -f "build/aidetect_${version}_"*.deb debian/debhelper-build-stamp
if ! { debian/rules build && debian/rules binary; } >"$log" 2>&1; then
    tail -40 "$log" >&2
    exit 1
fi
ls "build/aidetect_${version}_"*.deb
