#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# QEMU 7.2, 10 and the newest of Debian's each start a guest of both kinds.
# needs: 6.1 6.1-arm64 bookworm trixie qemu-latest
# timeout: 600

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

echo "1..6"
while read -r name low high; do
	run tools/lab/run --qemu "$name" --topology none --no-load -- \
		lab-qmp '{"execute":"query-version"}'
	major=$(sed -n 's/.*"major": \([0-9]*\).*/\1/p' "$dir/out")
	check "--qemu $name: an x86-64 guest's QEMU is of $low" \
		[ $status = 0 -a "${major:-0}" -ge "$low" -a "${major:-0}" -le "$high" ]
	run tools/lab/run --verbose --qemu "$name" --arch arm64 --no-load -- uname -m
	says 0 '^aarch64' "--qemu $name: an arm64 guest boots"
done <<END
bookworm 7 7
trixie 10 10
latest 11 99
END
exit $bad
