#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The sandbox's table of system calls against what QEMUs were recorded to make, and against what
# this machine's makes with the arguments that it is given.
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

echo "TAP version 13"
run tools/calls/record --check --records-only
says 0 "on-x86_64: [1-9][0-9]+ calls, 0 not in the table" "the table has all that was recorded"
check "of QEMU for both architectures" test "$(ls tools/calls/records | cut -d- -f1 | sort -u | paste -sd' ')" = \
	"aarch64 x86_64"

# A table that lacks a call, and one that has a line too many, are told.
build/tests/calls_table | grep -v '^signalfd4' >"$dir/less"
{
	build/tests/calls_table
	echo mount 0
} >"$dir/more"
for table in less more; do
	printf '#!/bin/sh\nexec cat %s\n' "$dir/$table" >"$dir/print-$table"
	chmod +x "$dir/print-$table"
done
run tools/calls/record --check --records-only --table "$dir/print-less"
says 1 "signalfd4: not in the table" "a call that the table lacks is told"
run tools/calls/record --check --records-only --table "$dir/print-more"
says 1 "table: mount: recorded nowhere, and no source is given for it" "and a line that nobody needs"

for arch in x86_64 aarch64; do
	run tools/calls/record --check --arch $arch --only all --only qcow2 --only tap --only block
	says 0 "this $arch [0-9.]+: [1-9][0-9]+ calls, 0 not in the table" \
		"qemu-system-$arch as it is here makes no other call"
done
echo "1..$n"
