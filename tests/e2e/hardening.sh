#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How the programs and probes are linked: all alike, with what a compiler has against exploits.
# timeout: 60

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
build=${QWAMOS_BUILD:-build}

# has FILE TEXT OPTION: what readelf says of it
has()
{
	readelf -W "$3" "$1" | grep -qE "$2"
}

echo "TAP version 13"
for f in "$build"/bin/* "$build"/libexec/qwamos-gpu/*; do
	p=${f##*/}
	check "$p is position independent" has "$f" 'FLAGS_1.*PIE' -d
	check "$p asks for the dynamic linker" has "$f" 'INTERP' -l
	check "$p: all is bound at its start" has "$f" 'FLAGS.*BIND_NOW' -d
	check "$p: and not to be written to afterwards" has "$f" 'GNU_RELRO' -l
	check "$p: no stack to be executed" has "$f" 'GNU_STACK.* RW ' -l
	check "$p: no segment that is written and executed" sh -c "! readelf -lW '$f' | grep -q 'LOAD.*RWE'"
	check "$p: stacks are guarded" has "$f" '__stack_chk_fail' --dyn-syms
	check "$p: lengths are checked where they are known" has "$f" '__[a-z]+_chk@' --dyn-syms
	check "$p: no path of its own to look for libraries" sh -c "! readelf -dW '$f' | grep -qE 'RPATH|RUNPATH'"
done
check "qwamos-vfio loads modules by libkmod" grep -qF libkmod.so.2 "$build/bin/qwamos-vfio"
check "and has names by libpci" grep -qF libpci.so.3 "$build/bin/qwamos-vfio"
# What few of their runs need they open when it is needed: userspace/lazy.
for p in qwamos-gpu qwamos-vfio qwamos-vm; do
	check "$p loads no library at its start that modules, names, filters or bridges need" \
		sh -c "! readelf -dW '$build/bin/$p' | grep -qE 'NEEDED.*lib(kmod|pci|bpf|nl-route)'"
done
while read -r so; do
	check "$so is what this Debian links with" \
		has "$(gcc -print-file-name="${so%%.so.*}.so")" "SONAME.*\[$so\]" -d
done < <(sed -n 's/^#define [A-Z]* *"\(lib.*\)"$/\1/p' userspace/lazy/*.c)
device=$dir/root/sys/bus/pci/devices/0000:00:02.0
mkdir -p "$device"
for file in class=0x030000 vendor=0x8086 device=0x5916 irq=11; do
	echo "${file#*=}" >"$device/${file%=*}"
done
lost=$(ldconfig -p | sed -n '/libpci.so.3 /{s/.* => //p;q}')
run "$build/bin/qwamos-gpu" detect --no-probe --root "$dir/root"
says 0 'Intel Corporation' "libpci, opened late, has names"
# shellcheck disable=SC2016	# for the inner shell
run unshare --mount sh -c 'mount --bind /dev/null "$1" && shift && exec "$@"' sh "$lost" \
	"$build/bin/qwamos-gpu" detect --no-probe --root "$dir/root"
says 0 '^0000:00:02.0  Intel 5916' "without it there are numbers, and all else"
check "a process of its own is for drivers alone" \
	[ "$(cd "$build/libexec/qwamos-gpu" && echo *)" = "qwamos-probe-egl qwamos-probe-vulkan" ]
echo "1..$n"
exit $bad
