#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM of the other architecture gets a GPU and its companion: an aarch64 guest on the machine
# virt, started by qwamos-vm, finds both, drives the one, and reads and writes its memory. This
# machine's VFIO and IOMMU serve it as they serve any QEMU.

# needs: 6.1-arm64

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/nested.sh
. "$(dirname "$0")/../lib/nested.sh"
gpu=$(lab-dev pair-vga)
edu=$(lab-dev pair-edu)

echo "TAP version 13"
image=$("$(dirname "$0")/../lib/nested_initrd.py" --arm64 "$dir/initrd" bochs <<'END'
mount -t devtmpfs none /dev
cd /sys/bus/pci/devices
for d in *; do
	driver=none
	[ ! -e $d/driver ] || driver=$(basename $(readlink $d/driver))
	echo "@pci $d $(cat $d/vendor) $(cat $d/device) $(cat $d/class) $driver"
done
echo "@machine $(uname -m)"
for f in /sys/class/drm/card?-*; do echo "@output ${f##*/}"; done
# The text console is in the GPU's memory.
dd if=/dev/urandom of=/random bs=64k count=4
dd if=/random of=/dev/fb0 bs=64k count=4
dd if=/dev/fb0 of=/back bs=64k count=4
cmp /random /back
echo "@memory $?"
echo "@done"
read -r line
poweroff -f
END
) || exit
cat >"$dir/vm.yaml" <<END
vm: {name: arm}
machine: {type: virt, accel: tcg}
hardware: {cpu: {model: cortex-a57}, memory: {size: 256}}
boot: {kernel: $image, initrd: $dir/initrd, cmdline: "console=ttyAMA0 panic=-1 quiet cryptomgr.notests rodata=off vt.global_cursor_default=0"}
network: {mode: airgapped, device: none}
gpu: {enabled: true, access_mode: passthrough, trust_level: system, device: "$gpu", fallback: false, accept_unwiped: true}
# The guest's clock counts its instructions. By the wall's, an emulator in an emulator has no time
# left beside 250 timer interrupts a second.
security: {accept_host_files: true}
qemu_extra_args: ["-icount", "shift=0,sleep=off"]
END
boot arm "done" 900 --yes
run qwamos-gpu vm list
says 0 "^[0-9]+ +arm +system +live +2 +2 " "the VM holds both, and has them open"
tr -d '\r' <"$dir/serial" >"$dir/out"
found()
{
	if grep -qE "^@$1\$" "$dir/out"; then
		ok "$2"
	else
		not_ok "$2" "$(cat "$dir/err")" "$(tail -n 40 "$dir/out")"
	fi
}
found "machine aarch64" "an aarch64 guest runs"
found "pci 0000:01:00.0 0x1234 0x1111 0x038000 bochs-drm" "it finds the GPU and drives it"
found "pci 0000:02:00.0 0x1234 0x11e8 0x00ff00 none" "and its companion, behind a port of its own"
found "output card0-.*" "it has an output"
found "memory 0" "the GPU's memory is read as it was written"
echo >&8
exec 8>&-
wait $vm
check "the guest powers off: its supervisor ends well" test $? = 0
driver()
{
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null
}
check "the GPU is on its own driver again" test "$(driver "$gpu")" = bochs-drm
check "and its companion on none" test "$(driver "$edu")" = ""
echo "1..$n"
exit $bad
