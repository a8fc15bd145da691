#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kmod/vfio/ops.awk on tables of VFIO that nobody has yet: it fails at what it can't read.

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
echo 'QGPU_VFIO_MEMBER(vfio_device_ops, read, CHECKED)' >"$dir/compat.h"

# table STATUS NAME MEMBERS [INITIALISERS]
table()
{
	printf '%s\n' "struct vfio_device_ops {" "$3" "};" "static const struct vfio_device_ops qvfio_ops = {" \
		"${4:-.read = qvfio_read,}" "};" >"$dir/i"
	run awk -f kmod/vfio/ops.awk "$dir/compat.h" - <"$dir/i"
	says "$1" "$5" "$2"
}

table 0 "what is known and set" 'long (*read)(struct x *x, int n);' '' ok
table 1 "a member that is not known" 'long (*read)(int); int (*backdoor)(int, char);' '' 'does not know: backdoor'
table 1 "two members in one declaration" 'long (*read)(int), (*backdoor)(int);' '' 'cannot be read: .*backdoor'
table 1 "two that are no functions" 'long (*read)(int); const char *a, *b;' '' 'cannot be read: .*\*a, \*b'
table 1 "two initialisers of one" 'long (*read)(int);' '.read = qvfio_read, .read = vfio_pci_core_read,' 'sets read twice'
table 1 "one that is not ours" 'long (*read)(int);' '.read = vfio_pci_core_read,' 'is to be checked'
table 1 "one that is not set" 'long (*read)(int);' '.write = qvfio_write,' 'does not set it'
echo >"$dir/empty"
run awk -f kmod/vfio/ops.awk "$dir/compat.h" - <"$dir/empty"
says 1 'cannot be read' "no table at all"

echo "1..$n"
exit "$bad"
