#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A kernel whose VFIO calls a driver through something that kmod/compat.h does not know by name gets
# no VFIO driver: the build ends, and names it. Built with a changed copy of one header before the
# kernel's own, on the oldest kernel and the newest.
# needs: 6.1 latest
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
top=$PWD
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
cache=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}
list=$top/kmod/vfio/ops.awk

# kernel SERIES: from now on $headers are its headers, and they are built with by "${in[@]}"
kernel()
{
	local root userland
	root=$(realpath "$cache/kernel/amd64/$1")
	headers=$root/root/usr/src/linux-headers-${root##*/}
	vfio_h=$(echo "$root"/root/usr/src/*-common/include/linux/vfio.h)
	userland=$(awk -v k="$1" '$1 == k { print $5 }' tools/deps.d/kernels)
	in=()
	[ "$userland" = host ] || in=(tools/userland "$userland" --)
	cc=$(sed -n 's/^CC = .*(CROSS_COMPILE)//p' "$headers/.kernelvariables")
	cc=${cc:-gcc}
	rm -rf "$dir/build" "$dir/linux"
	mkdir -p "$dir/build" "$dir/linux"
	cp -r Kbuild kmod uapi "$dir/build"
	cp "$vfio_h" "$dir/linux"
}

# build [OBJECT]: the VFIO driver's, with $dir/linux before the kernel's headers
build()
{
	run "${in[@]}" make --no-print-directory -C "$headers" M="$dir/build" CC="$cc -I$dir" \
		"${1:-kmod/vfio/driver.o}"
}

# member TEXT: one more in struct vfio_device_ops, behind .close_device
member()
{
	sed "s|^\(\tvoid.*close_device)(struct vfio_device \*vdev);\)|\1 $1|" "$vfio_h" >"$dir/linux/vfio.h"
	! cmp -s "$vfio_h" "$dir/linux/vfio.h" || echo "# vfio.h is unchanged"
}

for k in 6.1 latest; do
	if [ ! -e "$cache/kernel/amd64/$k/complete" ]; then
		ok "$k # SKIP the cache has no such kernel"
		continue
	fi
	kernel $k
	build
	says 0 '' "$k: with its own header the driver is built"
	member 'int (*open_other)(struct vfio_device *vdev,\n\t\tu32 flags); char *told;'
	build
	says 2 'members that kmod/compat.h does not know: open_other, told ' \
		"$k: two members more, and the build ends naming both"
	member 'union { int a; };'
	build
	says 2 'a member cannot be read' "$k: a member that cannot be read ends the build"
done

# A probe that is not what its tracepoint calls ends the build, too: here one of
# sched_process_exit, with an argument that no kernel passes.
sed -i 's/^#define QGPU_PROBE_EXIT(fn, p) fn(void \*unused, struct task_struct \*p/&, int other/' \
	"$dir/build/kmod/compat.h"
build kmod/vm_tasks.o
says 2 'check_trace_callback_type_sched_process_exit' \
	"$k: a probe of another type than its tracepoint's ends the build"

# What the script itself makes of what it reads.
cat >"$dir/known.h" <<-END
	QGPU_VFIO_MEMBER(vfio_device_ops, name, PLAIN)
	QGPU_VFIO_MEMBER(vfio_device_ops, read, CHECKED)
	QGPU_VFIO_MEMBER(vfio_device_ops, unmap, LEFT_OUT)
	QGPU_VFIO_MEMBER(vfio_pci_device_ops, export, LEFT_OUT)
END
members='char *name; long (*read)(struct x *x); void (*unmap)(void);'
sets='.name = "x", .read = qvfio_read,'
# ops MEMBERS SETS [MORE]
ops()
{
	printf 'struct vfio_device_ops { %s };\n%s\n' "$1" "${3:-}" >"$dir/i"
	printf 'static const struct vfio_device_ops qvfio_ops = {\n%s\n};\n' "$2" >>"$dir/i"
	run awk -f "$list" "$dir/known.h" - <"$dir/i"
}
ops "$members" "$sets"
says 0 '^ok$' "what is as listed is right"
ops "char *name;" '.name = "x",'
says 0 '^ok$' "an older kernel may lack members"
ops "$members" '.name = "x",'
says 1 'has read, driver.c does not set it' "a member that must be checked and is not set"
ops "$members" '.name = "x", .read = vfio_pci_core_read,'
says 1 'read is to be checked, and set to vfio_pci_core_read' "a member that is set past the check"
ops "$members" "$sets .unmap = f,"
says 1 'sets unmap, compat.h says LEFT_OUT' "a member that is to be left out"
ops "" "$sets"
says 1 'no members|cannot be read' "a table without members"
run awk -f "$list" "$dir/known.h" - <<<"struct other { int a; };"
says 1 'struct vfio_device_ops of this kernel cannot be read' "no table at all"
run awk -f "$list" /dev/null - <"$dir/i"
says 1 'there is no QGPU_VFIO_MEMBER' "no list of what is known"
ops "$members" "$sets" 'struct vfio_pci_device_ops { int (*export)(int a); };'
says 0 '^ok$' "the second table, as listed"
ops "$members" "$sets" 'struct vfio_pci_device_ops { int (*export)(int a); int (*import)(int a); };'
says 1 'vfio_pci_device_ops .*does not know: import ' "a member more in the second table"
ops "$members" "$sets" 'struct vfio_pci_device_ops; struct x { const struct vfio_pci_device_ops *o; };'
says 1 'struct vfio_pci_device_ops of this kernel cannot be read' "the second table is somewhere else"

echo "1..$n"
exit $bad
