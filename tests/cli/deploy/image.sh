# The tree of the image runs by itself: read-only, as its user, with nothing of this system below
# it but /proc and /dev; its size is at most 120 MB.
[ "$(id -u)" -eq 0 ] && command -v dpkg-query unshare >/dev/null && unshare --mount --pid --fork true 2>/dev/null || exit 77
DESTDIR=$PWD/installed cmake --install "$AIDETECT_BUILD" --prefix /usr --component runtime --strip >log 2>&1 || cat log
"$AIDETECT_SOURCE/deploy/image_tree.sh" "$PWD/installed" "$PWD/tree" || exit 1
size=$(du -s --apparent-size --block-size=1000000 tree | cut -f1)
[ "$size" -le 120 ] && echo 'small' || echo "$size MB"
find tree -perm /6000 -o -name 'sh' -o -name 'apt*' -type f
grep -h '^Package: libdnnl' tree/var/lib/dpkg/status.d/*

cat >inside.sh <<'END'
mount --bind tree tree && mount -t proc proc tree/proc && mount --bind /dev tree/dev
mount -t tmpfs -o uid=10001,gid=10001,mode=700 tmpfs tree/data
mount -o remount,bind,ro tree
enter="env -i PATH=$PATH LANG=C.UTF-8 AIDETECT_DATA=/data AIDETECT_LISTEN=127.0.0.1:0 chroot --userspec=10001:10001 tree"
: >serve.log # there before anybody looks
$enter /usr/bin/aidetect serve >url 2>>serve.log &
server=$!
for _ in $(seq 300); do grep -q serve.ready serve.log && break; kill -0 $server 2>/dev/null || break; sleep 0.2; done
url=$(grep -o 'http://[0-9.:]*' url) || cat serve.log
$enter /usr/bin/aidetect client health "$url"
$enter /usr/bin/ps aux | grep -c 'aidetect.*[/]usr/bin/aidetect serve'
touch tree/usr/written 2>/dev/null && echo 'the tree is not read-only'
kill $server && wait $server
echo "ended $?"
END
unshare --mount --pid --fork --kill-child sh inside.sh
