#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest on a bridge, started by qwamos-vm, and the host ping each other. Emulated twice over, so
# its kernel takes some minutes.
# needs: 6.1

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/nested.sh
. "$(dirname "$0")/../lib/nested.sh"

mac=52:54:00:ab:cd:ef

echo "TAP version 13"
modprobe -a bridge tun vhost_net || exit
ip link add br0 type bridge
ip addr add 192.0.2.1/24 dev br0
ip link set br0 up
image=$("$(dirname "$0")/../lib/nested_initrd.py" "$dir/initrd" virtio_pci virtio_net <<END
ifconfig eth0 192.0.2.2 up
echo "@net \$(cat /sys/class/net/eth0/address)"
ping -c 3 192.0.2.1
echo "@pinged \$?"
# All of its memory, so that what QEMU takes beside it can be told.
mkdir /mnt
mount -t devtmpfs none /dev
mount -t tmpfs -o size=100% none /mnt
dd if=/dev/zero of=/mnt/full bs=1M count=\$((\$(awk '/^MemAvailable/ { print \$2 }' /proc/meminfo) / 1024 - 16))
echo "@filled \$?"
# Until the host has pinged it as well.
read -r line
poweroff -f
END
) || exit
cat >"$dir/vm.yaml" <<END
vm: {name: v}
machine: {type: q35, accel: tcg}
hardware: {cpu: {model: qemu64}, memory: {size: 256}}
boot: {kernel: $image, initrd: $dir/initrd, cmdline: "console=ttyS0 panic=-1 no_timer_check quiet cryptomgr.notests rodata=off"}
network: {mode: bridge, bridge: br0, mac: "$mac"}
# See cli_vm_arm.sh.
security: {accept_host_files: true}
qemu_extra_args: ["-icount", "shift=6"]
END
boot v filled 800
tr -d '\r' <"$dir/serial" >"$dir/out"
check "the guest's kernel has the network device" grep -qx "@net $mac" "$dir/out"
check "the guest has filled its memory" grep -qx "@filled 0" "$dir/out"
check "the guest's pings are answered" grep -qx "@pinged 0" "$dir/out"
check "by the host, which knows it by its address" sh -c "ip neigh show dev br0 | grep -q '^192.0.2.2 .*$mac'"
check "the bridge has learnt where it is" sh -c "bridge fdb show br br0 | grep -q '^$mac dev qw-v'"
check "and the host's pings are answered" busybox ping -c 3 192.0.2.2
echo >&8
exec 8>&-
wait $vm
check "the guest powers off: its supervisor ends well" test $? = 0
check "the tap device is gone" test ! -e /sys/class/net/qw-v
echo "1..$n"
