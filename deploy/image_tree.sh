#!/bin/sh
# The tree of the image: image_tree.sh INSTALLED TREE takes what `cmake --install` wrote below
# INSTALLED, adds ps, certificates and the shared libraries that all of them need, and lists the
# Debian packages these came from in TREE/var/lib/dpkg/status.d.
set -eu
installed=$1
tree=$2
user=10001
copied=$(mktemp)
trap 'rm -f "$copied"' EXIT

# copy FILE...: files of this system and what their links name.
copy() {
    for file; do
        mkdir -p "$tree$(dirname "$file")"
        cp -a "$file" "$tree$file"
        echo "$file" >>"$copied"
        if [ -L "$file" ]; then
            copy "$(realpath "$file")"
        fi
    done
}

# The packages of all copied files.  /lib and /usr/lib are one folder, and dpkg knows either name.
note_packages() {
    sed 's|^/usr||' "$copied" | cat - "$copied" | xargs dpkg-query -S 2>/dev/null | sed 's/: .*//; s/:.*//' | sort -u |
        while read -r name; do
            dpkg-query -s "$name" >"$tree/var/lib/dpkg/status.d/$name"
            if [ -e "/usr/share/doc/$name/copyright" ]; then
                mkdir -p "$tree/usr/share/doc/$name"
                cp -L "/usr/share/doc/$name/copyright" "$tree/usr/share/doc/$name/"
            fi
        done
}

libraries_of() {
    # "name => /path (address)" and "/path (address)"
    ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' |
        sed 's|^/lib64/|/usr/lib64/|; s|^/lib/|/usr/lib/|' | sort -u
}

rm -rf "$tree"
mkdir -p "$tree/usr/bin" "$tree/usr/lib" "$tree/usr/lib64" "$tree/var/lib/dpkg/status.d" "$tree/etc" "$tree/data" "$tree/proc" \
    "$tree/sys" "$tree/dev" "$tree/tmp" "$tree/run"
ln -s usr/lib "$tree/lib"
ln -s usr/lib64 "$tree/lib64"
ln -s usr/bin "$tree/bin"
chmod 1777 "$tree/tmp"

cp -a "$installed/." "$tree/"
rm -rf "$tree/usr/share/man" "$tree/usr/share/bash-completion"
# shellcheck disable=SC2046  # one word a path
copy /usr/bin/ps $(libraries_of "$tree/usr/bin/aidetect" /usr/bin/ps)
copy /etc/ssl/certs/ca-certificates.crt
note_packages

printf 'root:x:0:0:root:/:/sbin/nologin\naidetect:x:%s:%s:aidetect:/data:/sbin/nologin\n' $user $user >"$tree/etc/passwd"
printf 'root:x:0:\naidetect:x:%s:\n' $user >"$tree/etc/group"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$tree/etc/nsswitch.conf"
cp -L /etc/os-release "$tree/etc/os-release"
chown $user:$user "$tree/data"
chmod 700 "$tree/data"
