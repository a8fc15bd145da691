#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A binding made with --persist is there again after a boot: two guests, with the state
# directory of the first one in the second.
# timeout: 400

# shellcheck disable=SC2317	# functions are called by check
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
run=tools/lab/run

# boot COMMAND: leaves status and out.
boot()
{
	$run --no-load --timeout 120 --share "$dir" --env QWAMOS_STATE_DIR=/share/state \
		-- bash -c "$1" >"$dir/out" 2>&1
	status=$?
}

echo "1..7"

# What udev and systemd run for each GPU at boot, as the unit says it.
unit=userspace/install/qwamos-vfio-restore@.service
# shellcheck disable=SC2016
exec_start=$(sed -n 's/%I/$gpu/; s/^ExecStart=@BINDIR@\///p' $unit)
check "the unit has a command" test -n "$exec_start"

# shellcheck disable=SC2016
boot 'qwamos-vfio bind --yes --persist --no-wait $(lab-dev pair-vga) &&
	qwamos-vfio bind --persist --no-wait $(lab-dev bochs) &&
	qwamos-vfio bind --no-wait $(lab-dev vga-a)'
check "two GPUs are bound with --persist, one without" test "$status" = 0
check "their bindings are on the disk" \
	test "$(find "$dir/state/persist" -name '*.json' | wc -l)" = 2

# shellcheck disable=SC2016
boot 'sum=0
	for d in /sys/bus/pci/devices/*; do
		case $(cat $d/class) in 0x03*|0x12*) ;; *) continue ;; esac
		gpu=${d##*/}
		[ -e /share/state/persist/$gpu.json ] || continue
		'"$exec_start"' || sum=1
	done
	echo "restore: $sum"
	for d in pair-vga pair-edu bochs vga-a; do
		echo "$d $(basename $(readlink /sys/bus/pci/devices/$(lab-dev $d)/driver))"
	done
	qwamos-vfio unbind --all-gpus >/dev/null; echo "unbind: $?"
	for d in pair-vga bochs; do
		echo "after $d $(basename $(readlink /sys/bus/pci/devices/$(lab-dev $d)/driver))"
	done
	ls /share/state/persist | wc -l'
has()
{
	grep -qx "$1" "$dir/out"
}
check "after a boot the unit's command binds them again" has "restore: 0"
all()
{
	has "pair-vga qwamos_vfio_pci" && has "pair-edu qwamos_vfio_pci" &&
		has "bochs qwamos_vfio_pci" && has "vga-a bochs-drm"
}
check "with their companions, and nothing else" all
given_back()
{
	has "unbind: 0" && has "after pair-vga bochs-drm" && has "after bochs bochs-drm"
}
check "unbind gives them back to the drivers of before" given_back
check "and forgets them" has 0
exit $bad
