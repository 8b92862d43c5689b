# The installed tree stands alone: the example builds with what pkg-config says, against the shared
# and the static library, and the program finds its manual page and completion installed.
prefix=$PWD/prefix
cmake --install "$AIDETECT_BUILD" --prefix "$prefix" >log 2>&1 || { cat log; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name aidetect.pc)")
export PKG_CONFIG_PATH
cp "$AIDETECT_SOURCE/examples/classify.c" .
make_model ai m && make_photo texture-jpeg a.jpg

# shellcheck disable=SC2046  # flags are words
cc -Wall -Wextra -Werror -o shared classify.c $(pkg-config --cflags --libs aidetect) || exit 1
LD_LIBRARY_PATH=$(pkg-config --variable=libdir aidetect) ./shared m a.jpg missing.jpg
# shellcheck disable=SC2046
cc -Wall -Wextra -Werror -o static classify.c $(pkg-config --cflags --static --libs aidetect |
    sed 's/-laidetect/-l:libaidetect.a/') || exit 1
./static m a.jpg
./static nowhere a.jpg

(cd prefix && find . -name 'aidetect.1' -o -name '*.h' -o -path '*bash-completion*/aidetect' | sort)
nm -D --defined-only "$(find "$prefix" -name 'libaidetect.so' | head -1)" |
    awk '{ print $3 }' | grep -E '^(nn|image|fs|mem|json)_' | head -3

# Whatever an installed header declares can be linked; err_set is a macro, err_returned inline.
nm -D --defined-only "$(find "$prefix" -name 'libaidetect.so' | head -1)" |
    awk '{ print $3 }' | sort -u >exported
grep -hoE '\b(detect|err|status|str)_[a-z_]+\(' prefix/include/aidetect/*/*.h | tr -d '(' | sort -u >declared
grep -qx detect_explain declared && grep -qx err_write declared || echo "no headers were read"
grep -vxFf exported declared | grep -vx -e err_set -e err_returned
true
