#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# gate_race for a minute with all calls of virtio_gpu, which take QEMU 10 or newer: without blobs and
# Vulkan, with both; and with a gate that has a fault on purpose, which it finds.
# needs: 6.1 6.12 latest qemu-latest
# timeout: 2000

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/gate_planted.sh
. tests/lib/gate_planted.sh

echo "1..9"
for k in 6.1 6.12 latest; do
	for t in virgl venus; do
		races "${RACE_SECONDS:-60}" --kernel $k --qemu latest --topology $t
		says 0 '^# PASSED' "$k, $t: none is lost"
	done
done
check "the gate is built with the fault" plant
lost context_init --qemu latest --topology virgl
lost resource_create_blob --qemu latest --topology venus
exit $bad
