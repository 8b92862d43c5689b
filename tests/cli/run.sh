#!/bin/bash
# Runs one black-box test: run.sh [--accept] BIN_FOLDERS TEST.sh
# The script runs in a fresh folder; what it prints is compared with what stands beside it:
#   NAME.stdout.exact  every byte          NAME.stdout.glob  line by line, * and ? and [..]
#   (the same for stderr)                  NAME.exit         exit status, 0 without the file
# An output without such a file must be empty.  --accept writes what came out instead.
set -u

accept=
if [ "$1" = --accept ]; then
    accept=1
    shift
fi
bin_folders=$1
test=$(realpath "$2")
base=${test%.sh}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

fail() {
    echo "FAILED: $1"
    failed=1
}

# compare_glob EXPECTED ACTUAL
compare_glob() {
    local number=0 pattern line
    while true; do
        number=$((number + 1))
        local more=0
        IFS= read -r pattern <&3 && more=1 || pattern=
        if IFS= read -r line <&4; then more=$((more + 2)); else line=; fi
        [ $more -eq 0 ] && return 0
        # shellcheck disable=SC2053  # a pattern is meant
        if [ $more -ne 3 ] || [[ $line != $pattern ]]; then
            echo "line $number: expected '$pattern', got '$line'"
            return 1
        fi
    done 3<"$1" 4<"$2"
}

check_stream() {
    local name=$1 actual=$folder.$1
    if [ -n "$accept" ] && [ ! -e "$base.$name.glob" ]; then
        rm -f "$base.$name.exact"
        if [ -s "$actual" ]; then cp "$actual" "$base.$name.exact"; fi
    elif [ -e "$base.$name.exact" ]; then
        diff -u "$base.$name.exact" "$actual" || fail "$name differs"
    elif [ -e "$base.$name.glob" ]; then
        compare_glob "$base.$name.glob" "$actual" || fail "$name does not fit"
    elif [ -s "$actual" ]; then
        fail "$name should be empty"
    fi
    if [ $failed -ne 0 ]; then sed "s/^/$name: /" "$actual"; fi
    rm -f "$actual"
}

(
    cd "$folder" || exit 99
    export PATH=$bin_folders:$PATH LC_ALL=C NO_COLOR=1
    unset AIDETECT_MODEL
    exec bash -u "$test"
) >"$folder.stdout" 2>"$folder.stderr" </dev/null
code=$?

if [ $code -eq 77 ]; then
    cat "$folder.stdout"
    rm -f "$folder.stdout" "$folder.stderr"
    exit 77
fi
expected=0
if [ -n "$accept" ]; then
    if [ $code -eq 0 ]; then rm -f "$base.exit"; else echo $code >"$base.exit"; fi
elif [ -e "$base.exit" ]; then
    expected=$(cat "$base.exit")
fi
if [ -z "$accept" ] && [ "$code" -ne "$expected" ]; then fail "exit status $code, expected $expected"; fi
check_stream stdout
check_stream stderr
exit $failed
