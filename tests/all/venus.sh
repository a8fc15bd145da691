#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Vulkan for a guest by virtio-gpu (venus), on QEMU 10 and the newest.
# needs: 6.1 6.12 latest trixie qemu-latest
# timeout: 600

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

echo "1..12"
for boot in "trixie 6.1" "trixie latest" "latest 6.12" "latest latest"; do
	read -r qemu kernel <<<"$boot"
	run tools/lab/run --qemu "$qemu" --kernel "$kernel" --userland trixie --topology venus --no-load \
		-- sh -c 'dmesg | grep features:; dmesg | grep "cap set"; vulkaninfo --summary 2>&1'
	says 0 '\+virgl .*\+resource_blob \+host_visible' "QEMU of $qemu, $kernel: blobs that the host shows"
	says 0 'cap set [0-9]*: id 4,' "QEMU of $qemu, $kernel: the capability set of venus"
	says 0 'deviceName *= Virtio-GPU Venus' "QEMU of $qemu, $kernel: a Vulkan device"
done
exit $bad
