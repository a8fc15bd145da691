#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A computer goes down, at once, with VMs that run: one with a GPU of its own and a disk that is not
# kept, one whose record is on a disk as well. What does the next boot find? Two guests, with
# /var/lib/qwamos-gpu of the first one in the second.
# timeout: 400

# shellcheck disable=SC2016,SC2317	# what guests run; functions that are called by check
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

# boot COMMAND: leaves status and out.
boot()
{
	tools/lab/run --mem 1280 --timeout 150 --share "$dir" --env QWAMOS_VMS_DIR=/tmp/vms -- bash -c '
		mkdir -p /var/lib/qwamos-gpu
		modprobe -a loop ext4
		mount -o loop /share/lib.img /var/lib/qwamos-gpu || exit
		# Configs are root'"'"'s; those of the share may be another user'"'"'s.
		cp -r /share/vms /tmp/vms
		chmod -R go-w /tmp/vms
		tmp=/var/lib/qwamos-gpu/tmp
		gpu=$(lab-dev bochs)
		driver() { basename "$(readlink /sys/bus/pci/devices/$gpu/driver)"; }
		'"$1" >"$dir/out" 2>&1
	status=$?
}

has()
{
	grep -qx "$1" "$dir/out"
}

# says PATTERN NAME: a line of the guest's
line()
{
	if has "$1"; then
		ok "$2"
	else
		not_ok "$2" "no line '$1' in" "$(cat "$dir/out")"
	fi
}

truncate -s 64M "$dir/lib.img"
truncate -s 1M "$dir/disk.img"
/sbin/mkfs.ext4 -q -F "$dir/lib.img" || exit
# config NAME SECTION...
config()
{
	local name=$1
	shift
	mkdir -p "$dir/vms/$name"
	printf '%s\n' "vm: {name: $name}" "machine: {type: q35, accel: tcg}" \
		"hardware: {cpu: {model: qemu64}, memory: {size: 64}}" \
		"network: {mode: airgapped, device: none}" "$@" >"$dir/vms/$name/config.yaml"
}

config other "storage: {disk_image: /share/disk.img, persistent: false}" "security: {accept_host_files: true}"
config third
echo "TAP version 13"

boot '
	config=/tmp/vms/v/config.yaml
	mkdir -p /tmp/vms/v
	sed "s/name: other/name: v/" /tmp/vms/other/config.yaml >$config
	echo "gpu: {enabled: true, access_mode: passthrough, trust_level: system, device: \"$gpu\", fallback: false}" >>$config
	cp -r /tmp/vms/v /share/vms
	qwamos-vm start v
	echo "start v: $?"
	QWAMOS_RUN_DIR=/var/lib/qwamos-gpu/run qwamos-vm start other
	echo "start other: $?"
	echo "driver: $(driver)"
	echo "records: $(ls /run/qwamos-gpu/vm/*.json | wc -l) $(ls /var/lib/qwamos-gpu/run/*.json | wc -l)"
	# QEMU opens a file and removes it at once; one may be left that it did not come to remove.
	for vm in v other; do touch $tmp/$vm/vl.left; done
	qwamos-vm start third
	echo "start third: $?"
	QWAMOS_RUN_DIR=/tmp/elsewhere qwamos-vm start v
	echo "start v elsewhere: $?"
	for vm in v other; do echo "$vm: $(ls -A $tmp/$vm)"; done
	mkdir $tmp/.hidden
	touch $tmp/.hidden/vl.left
	sync
	echo goes down
	sleep 1
	echo b >/proc/sysrq-trigger
	sleep 60
	echo still here'
line "start v: 0" "a VM with a GPU runs, with a disk that it does not keep"
line "driver: qwamos_vfio_pci" "its GPU is on our driver"
line "start other: 0" "so does another one"
line "records: 1 1" "the record of one goes with the computer, that of the other does not"
line "start v elsewhere: 1" "a supervisor that has no record of it does not start one of the two again"
check "what they write is left alone while they run" sh -c "grep -qx 'v: vl.left' '$dir/out' && grep -qx 'other: vl.left' '$dir/out'"
line "goes down" "the computer goes down"
check "at once" sh -c "! grep -q 'still here' '$dir/out'"

boot '
	echo "driver: $(driver)"
	for vm in v other; do echo "$vm: $(ls -A $tmp/$vm)"; done
	qwamos-vm list --json >/share/list.json
	echo "list: $?"
	qwamos-vm status v >/share/status
	echo "status v: $?"
	export QWAMOS_RUN_DIR=/var/lib/qwamos-gpu/run
	qwamos-vm start third 2>/share/start
	echo "start third: $?"
	echo "left: $(ls -A $tmp | wc -l)"
	qwamos-vm list | sort
	ls /var/lib/qwamos-gpu/run/*.json
	echo "cgroups: $(ls -d /sys/fs/cgroup/qwamos/*/ | xargs -n1 basename | tr "\n" " ")"
	echo "second driver: $(driver)"
	qwamos-vm start other
	echo "again: $?"
	qwamos-vm stop other --now
	qwamos-vm stop third --now
	echo "at the end: $(ls -A $tmp | wc -l)"'
line "driver: bochs-drm" "after a boot the GPU is on its own driver"
check "and what they wrote is still there" sh -c "grep -qx 'v: vl.left' '$dir/out' && grep -qx 'other: vl.left' '$dir/out'"
line "list: 0" "list"
check "no VM runs" json "$dir/list.json" "sorted((v['name'], v['state']) for v in d) == [('other', 'stopped'), ('third', 'stopped'), ('v', 'stopped')]"
line "status v: 3" "status: it is stopped"
line "start third: 0" "a third VM is started"
line "left: 0" "which removes what both had written"
check "and what else was left" grep -q "putting back what VM other has left" "$dir/start"
line "/var/lib/qwamos-gpu/run/third.json" "no record is left but its own"
check "of the other VM" sh -c "! grep -q '^/var/lib/qwamos-gpu/run/other.json' '$dir/out'"
line "cgroups: third " "no cgroup either"
line "second driver: bochs-drm" "the GPU is left alone"
line "again: 0" "a VM that went down starts anew"
line "at the end: 0" "and leaves nothing when it is stopped"
echo "1..$n"
exit $bad
