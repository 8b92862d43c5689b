#!/bin/bash
# clang-tidy over our sources, two at a time or more; a file that passed is not looked at again until it,
# a header or the settings change (stamps in build/tidy).
set -u
cd "$(dirname "$0")/.." || exit 2

build=build/release
mkdir -p build/tidy
common=$(git ls-files '*.h' .clang-tidy cmake/warnings.cmake | xargs cat | sha256sum | cut -c1-16)

tidy() {
    local file=$1
    local stamp
    stamp=build/tidy/$(echo "$file" | tr / _).$common.$(sha256sum <"$file" | cut -c1-16)
    [ -e "$stamp" ] && return 0
    if ! clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option "$file" >"$stamp.log" 2>/dev/null; then
        cat "$stamp.log"
        rm -f "$stamp.log"
        return 1
    fi
    rm -f "$stamp.log" "build/tidy/$(echo "$file" | tr / _)."*
    touch "$stamp"
}
export -f tidy
export build common

git ls-files 'src/*.c' 'examples/*.c' | xargs -P "$(nproc)" -I{} bash -c 'tidy {}'
