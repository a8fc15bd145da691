#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The interface is the one that is checked in; and a change of it would be found.
# timeout: 60

cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
point()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

echo "TAP version 13"
echo "1..6"
out=$(tools/abi/check)
status=$?
point $status "the interface is as in Documentation/abi/qwamos_gpu.abi"
[ $status = 0 ] || printf '%s\n' "$out" | sed 's/^/# /'

# changed SED WHAT: does the dump of headers changed so differ?
changed()
{
	mkdir -p "$tmp/linux"
	cp uapi/linux/*.h "$tmp/linux"
	sed -i "$1" "$tmp"/linux/*.h
	! diff -rq uapi/linux "$tmp/linux" >/dev/null &&
		! tools/abi/dump --uapi "$tmp" | cmp -s - Documentation/abi/qwamos_gpu.abi
	point $? "$2 would be found"
}
changed 's/__u32 out_iommu_group;/__u64 out_iommu_group;/' "another type"
changed 's/QWAMOS_GPU_REASON_RATE = 5/QWAMOS_GPU_REASON_RATE = 50/' "another number in an enum"
changed 's/QWAMOS_GPU_CMD_VM_JOIN = 0x11/QWAMOS_GPU_CMD_VM_JOIN = 0x31/' "another ioctl number"
changed 's/\(QWAMOS_GPU_AUDIT_F_AFTER.*\)1U << 1/\11U << 2/' "another flag"
changed 's/^\tchar comm\[16\];$/\tchar comm[24];/' "a longer field"
