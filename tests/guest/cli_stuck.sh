#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM whose process can't be killed: status names it and where it hangs, and the VM's GPU, whose
# IOMMU group it holds, is nobody else's meanwhile.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/gpu.sh
. "$(dirname "$0")/../lib/gpu.sh"
bochs=$(lab-dev bochs)
modprobe fuse
mountpoint -q /sys/fs/fuse/connections || mount -t fusectl none /sys/fs/fuse/connections

abort_all()
{
	local f
	for f in /sys/fs/fuse/connections/*/abort; do
		[ ! -e "$f" ] || echo 1 >"$f"
	done
}
trap 'abort_all; umount -l "$dir/mnt" 2>/dev/null; rm -rf "$dir"' EXIT

killed()
{
	qwamos-vm status a --json >"$dir/vm.json" 2>/dev/null
	json "$dir/vm.json" 'd["thread_left"] and d["thread_left"]["waits_in"]'
}

echo "TAP version 13"
mkdir "$dir/mnt"
run qwamos-vfio bind "$bochs"
says 0 "" "a GPU on our driver"
qwamos-gpu vm run a --level system --device "$bochs" --as-root -- \
	python3 "$(dirname "$0")/../lib/unkillable.py" "$dir/mnt" \
	"$(basename "$(readlink "/sys/bus/pci/devices/$bochs/iommu_group")")" >"$dir/vmm" 2>&1 &
supervisor=$!
check "a VM with a process that can't be killed" soon grep -qx stuck "$dir/vmm"
run qwamos-vm status a --json
check "while it runs, nothing is said of threads" \
	json "$dir/out" 'd["threads_left"] == 0 and d["thread_left"] is None'
pid=$(qwamos-gpu vm list | awk '$2 == "a" { print $NF }')
kill $supervisor
check "its VM is ended, and a thread is left" soon killed
check "of that process" json "$dir/vm.json" \
	"d['threads_left'] == 1 and d['thread_left']['pid'] == $pid and d['thread_left']['tid'] != $pid"
check "it can't be interrupted, and waits for FUSE" json "$dir/vm.json" \
	"d['thread_left']['state'] == 'D' and 'request' in d['thread_left']['waits_in']"
run qwamos-vm status a
check "in words" grep -qE "^  Killed: +thread [0-9]+ \(python3\) of process $pid waits in [a-z_]*request[a-z_]*, state D; 1 not ended$" "$dir/out"
run qwamos-vfio status "$bochs"
says 0 "killed: +thread [0-9]+ \(python3\) of process $pid waits in " "qwamos-vfio status tells it, too"
run qwamos-vfio status "$bochs" --json
check "as JSON" grep -q '"threads_left": *1' "$dir/out"
run qwamos-gpu vm run b --level system --device "$bochs" --as-root -- true
says 125 "" "nobody else gets its GPU"
abort_all
check "when it can go, it goes" soon vm_gone a
wait $supervisor
run qwamos-vfio status "$bochs"
check "and nothing is said any more" sh -c "! grep -q killed: '$dir/out'"
echo "1..$n"
exit $bad
