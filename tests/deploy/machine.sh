# Boots $root as a machine of its own; sourced by systemd.sh --machine.
#   QEMU_ACCEL   what runs its processor: tcg emulates it anywhere, kvm is faster where it works [tcg]
# shellcheck disable=SC2154  # $root is of the script that sources this
boot_machine() {
    umount -R "$root/proc" "$root/dev" "$root/sys"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
    printf '/dev/vda / ext4 defaults 0 0\n' >"$root/etc/fstab"
    local kernel initrd
    kernel=$(echo "$root"/boot/vmlinuz-*) initrd=$(echo "$root"/boot/initrd.img-*)
    check "the disk is made" quietly disk.log mke2fs -q -t ext4 -d "$root" disk.img 3G
    : >result
    echo "        booting $(basename "$kernel"); an emulated processor takes minutes to start"
    # "max" has AVX2, which the network kernels want.
    timeout --kill-after=10 5400 qemu-system-x86_64 -accel "${QEMU_ACCEL:-tcg}" -cpu max -smp 2 -m 2048 \
        -kernel "$kernel" -initrd "$initrd" -append "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0" \
        -drive file=disk.img,format=raw,if=virtio,cache=unsafe -nic none -display none -no-reboot \
        -serial file:console.log -serial file:result </dev/null >qemu.log 2>&1 &
    tail -n +1 -f --pid=$! result
    wait $! || cat qemu.log
}
