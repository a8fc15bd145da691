#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
# The userspace, built so that undefined behaviour is told as it happens (by clang, for GCC does not
# tell NULL + 0): its unit tests, and its programs on computers that have nothing.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
out=build/undefined
mapfile -t units < <(cd tests/unit && printf '%s\n' *.c)
units=("${units[@]%.c}")

# told NAME COMMAND...: nothing undefined is told; how COMMAND ends is for other tests
told()
{
	local name=$1
	shift
	UBSAN_OPTIONS=print_stacktrace=1 timeout 120 "$@" >"$dir/out" 2>&1 </dev/null
	status=$?
	if [ $status -lt 124 ] && ! grep -q 'runtime error:' "$dir/out"; then
		ok "$name"
	else
		not_ok "$name" "status $status" "$(grep -A4 'runtime error:' "$dir/out" | head -n 60)"
	fi
}

echo "TAP version 13"
# That it is told at all.
cat >"$dir/planted.c" <<'END'
#include <stdlib.h>
int main(int argc, char **argv)
{
	char *none = argc > 5 ? argv[5] : NULL;
	size_t n = argc > 5 ? 1 : 0;

	return none + n > argv[0];
}
END
clang -O1 -fsanitize=undefined -o "$dir/planted" "$dir/planted.c"
run "$dir/planted"
check "a planted NULL + 0 is told" grep -q "runtime error: applying zero offset to null pointer" "$dir/out"

nice make --no-print-directory -f userspace/build.mk OUT=$out CC=clang \
	CFLAGS="-O1 -g -w -fsanitize=undefined" LDFLAGS=-fsanitize=undefined \
	 userspace "${units[@]/#/$out/tests/unit/}" >"$dir/out" 2>&1
status=$?
says 0 "" "it builds"
[ $status = 0 ] || exit

for unit in "${units[@]}"; do
	told "unit/$unit" "$out/tests/unit/$unit"
done

# No GPU, no bus, no VM, no config: lists of nothing.
export XDG_CACHE_HOME=$dir/cache QWAMOS_RUN_DIR=$dir/run QWAMOS_VMS_DIR=$dir/vms QWAMOS_STATE_DIR=$dir/state
mkdir -p "$dir/root/sys/bus/pci/devices" "$dir/root/proc" "$dir/run" "$dir/vms/a" "$dir/vms/b"
echo 'vm: {name: a}' >"$dir/vms/a/config.yaml"
: >"$dir/vms/b/config.yaml"
echo null >"$dir/run/c.json"
for line in "qwamos-gpu detect --root $dir/root" "qwamos-gpu detect --root $dir/root --json" "qwamos-gpu topology --root $dir/root" \
	"qwamos-gpu config check $dir/vms/b/config.yaml $dir/vms/a/config.yaml" "qwamos-gpu config show $dir/vms/a/config.yaml" \
	"qwamos-gpu qemu-args $dir/vms/a/config.yaml --caps tests/data/qemu/10.0-x86_64.json" \
	"qwamos-gpu export libvirt $dir/vms/a/config.yaml --caps tests/data/qemu/10.0-x86_64.json" \
	"qwamos-gpu audit verify /dev/null" "qwamos-gpu info" "qwamos-gpu vm list" \
	"qwamos-vfio list" "qwamos-vfio status" "qwamos-vfio bind 0000:77:00.0 --dry-run" \
	"qwamos-vm list" "qwamos-vm status a" "qwamos-vm info a" "qwamos-vm stop c" "qwamos-vm list --json"; do
	read -ra words <<<"$line"
	told "${line//$dir/}" "$out/bin/${words[0]}" "${words[@]:1}"
done
echo "1..$n"
exit $bad
