#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The modules can be taken out once no VM is left, and leave nothing behind; and come back.
# Runs after other tests, so that there was something to leave.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
modules()
{
	lsmod | awk '$1 ~ /^qwamos/ { print $1 }' | sort | tr '\n' ' '
}

echo "TAP version 13"
echo "1..15"
before=$(modules)
[ "$before" = "qwamos_gate qwamos_gpu qwamos_vfio_pci " ] && ok "all modules are loaded" ||
	not_ok "all modules are loaded" "lsmod: $before"

# One device stays on our driver: the driver leaves it by itself.
gpu=$(lab-dev bochs)
dev=/sys/bus/pci/devices/$gpu
if [ "$(basename "$(readlink "$dev/driver")")" != qwamos_vfio_pci ]; then
	echo qwamos_vfio_pci >"$dev/driver_override"
	echo "$gpu" >"$dev/driver/unbind"
	echo "$gpu" >/sys/bus/pci/drivers_probe
fi
[ "$(basename "$(readlink "$dev/driver")")" = qwamos_vfio_pci ] && ok "a GPU is on our driver" ||
	not_ok "a GPU is on our driver"

if rmmod qwamos_gpu 2>/dev/null; then
	not_ok "the core stays while the driver needs it"
else
	ok "the core stays while the driver needs it"
fi
exec 7<>/dev/qwamos_gpu
check "the driver can be unloaded" rmmod qwamos_vfio_pci
[ -e "$dev" ] && [ ! -e "$dev/driver" ] && ok "and has left its device" || not_ok "and has left its device"
if rmmod qwamos_gpu 2>/dev/null; then
	not_ok "the core stays while its device is open"
else
	ok "the core stays while its device is open"
fi
exec 7>&-
if rmmod qwamos_gpu 2>/dev/null; then
	not_ok "the core stays while gates can be made"
else
	ok "the core stays while gates can be made"
fi
check "what makes gates can be unloaded" rmmod qwamos_gate
dmesg -C
check "the core can be unloaded" rmmod qwamos_gpu
dmesg | grep -q 'qwamos_gpu: unloaded, no objects left' && ok "no objects are left" ||
	not_ok "no objects are left" "$(dmesg | tail -5)"
slabs=$(find /sys/kernel/slab -maxdepth 1 -name 'qwamos*')
[ -z "$slabs" ] && ok "no slab cache is left" || not_ok "no slab cache is left" "$slabs"
[ ! -e /dev/qwamos_gpu ] && ok "no device node is left" || not_ok "no device node is left"
! dmesg | grep -qE 'WARNING|BUG|remaining' && ok "without a complaint" || not_ok "without a complaint" "$(dmesg | tail -20)"

check "they can be loaded again" modprobe -a qwamos_vfio_pci qwamos_gate
echo qwamos_vfio_pci >"$dev/driver_override"
echo "$gpu" >/sys/bus/pci/drivers_probe
[ "$(basename "$(readlink "$dev/driver")")" = qwamos_vfio_pci ] && ok "and drive the GPU again" ||
	not_ok "and drive the GPU again"
