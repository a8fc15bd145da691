#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
# Files that somebody has named, or that are found in a folder, and that are none: a FIFO that nobody
# writes, a device without an end, a pipe that always has more, one of the kernel's that is called
# regular and waited for. Each is told at once, or passed over.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
PATH=$PWD/build/bin:$PATH
export XDG_CACHE_HOME=$dir/cache QWAMOS_RUN_DIR=$dir/run QWAMOS_VMS_DIR=$dir/vms QWAMOS_STATE_DIR=$dir/state
mkdir -p "$dir/run" "$dir/vms/a" "$dir/state/journal" "$dir/state/persist" "$dir/none"
echo 'vm: {name: a}' >"$dir/vms/a/config.yaml"
mkfifo "$dir/fifo"

# at_once COMMAND...: in some seconds and some memory
at_once()
{
	run bash -c 'ulimit -v 2000000; exec timeout -k 1 10 "$@"' - "$@"
}

echo "TAP version 13"
caps=tests/data/qemu/10.0-x86_64.json
for what in fifo:"$dir/fifo" /dev/zero:/dev/zero folder:"$dir/none"; do
	file=${what#*:}
	what=${what%%:*}
	told="$file: no regular file; accepted: a regular file"
	[ $what = folder ] && told="$file: Is a directory"
	at_once qwamos-gpu audit verify "$file"
	says 1 "$told" "audit verify, $what"
	at_once qwamos-gpu audit head "$file"
	says 1 "$told" "audit head, $what"
	at_once qwamos-gpu qemu-args "$dir/vms/a/config.yaml" --caps "$file"
	says 1 "$told" "--caps, $what"
	at_once qwamos-gpu export libvirt "$dir/vms/a/config.yaml" --caps "$file"
	says 1 "$told" "export, --caps, $what"
	told=${told#"$file: "}
	for command in "config check" "config show" qemu-args "export libvirt"; do
		read -ra words <<<"$command"
		at_once qwamos-gpu "${words[@]}" "$file"
		says 1 "$told" "$command, $what"
	done
	[ $what = folder ] || {
		at_once qwamos-vm status "$file"
		says 1 "$told" "status, $what"
		at_once qwamos-vm start "$file" --dry-run
		says 1 "" "start, $what"
	}
done

# The kernel calls these regular.
mkdir "$dir/tracefs"
traced() { at_once unshare --mount sh -c 'mount -t tracefs tracefs "$1" && shift && exec "$@"' - "$dir/tracefs" "$@"; }
waits="whoever reads it waits for more; accepted: a file that has an end"
traced test -r "$dir/tracefs/trace_pipe"
waiting=()
[ "$status" = 0 ] && waiting+=(traced:"$dir/tracefs/trace_pipe")
# Nothing is lost of it: what a log daemon reads is /dev/kmsg.
[ -r /proc/kmsg ] && at_once dd if=/proc/kmsg of="$dir/none/kmsg" count=0 && [ "$status" = 0 ] && waiting+=(at_once:/proc/kmsg)
for what in "${waiting[@]}"; do
	file=${what#*:}
	for command in "audit verify" "audit head" "config check" "config show" qemu-args "export libvirt"; do
		read -ra words <<<"$command"
		"${what%%:*}" qwamos-gpu "${words[@]}" "$file"
		# Of the kernel's log there may be some, which is none of ours.
		says 1 "$waits|not JSON|more than" "$command, ${file##*/}"
	done
	"${what%%:*}" qwamos-gpu qemu-args "$dir/vms/a/config.yaml" --caps "$file"
	says 1 "$file: $waits" "--caps, ${file##*/}"
	"${what%%:*}" qwamos-vm status "$file"
	says 1 "$waits" "status, ${file##*/}"
	"${what%%:*}" qwamos-vm start "$file" --dry-run
	says 1 "" "start, ${file##*/}"
done

# Pipes are read, to an end that all of them have.
at_once bash -c 'qwamos-gpu audit verify - </dev/zero'
says 1 "^qwamos-gpu: -:1: not a saved audit log: a line of more than 65536 bytes" "audit verify of an endless line"
at_once bash -c 'yes | qwamos-gpu audit verify -'
says 1 "-:1: not JSON" "of endless lines that are none of a log"
head='{"format":"qwamos-gpu audit log","version":1,"instance":"00000000000000000000000000000000","boot_id":"00000000000000000000000000000000","saved_ns":1,"wall_offset_ns":0,"order":null,"records":null,"chains":null}'
at_once bash -c '{ echo "$1"; yes; } | qwamos-gpu audit verify -' - "$head"
says 1 "more than 10000 lines that are none of a log" "and of such behind a log's first line"
at_once bash -c '{ echo "$1"; yes; } | qwamos-gpu audit head /dev/stdin' - "$head"
says 1 "/dev/stdin:[0-9]+: more than 10000 lines" "audit head, too"
at_once bash -c 'qwamos-gpu config check /dev/stdin </dev/zero'
says 1 "more than 1 MiB" "config check of an endless pipe"
at_once bash -c 'yes | qwamos-gpu qemu-args "$1" --caps /dev/stdin' - "$dir/vms/a/config.yaml"
says 1 "/dev/stdin: more than 1 MiB" "--caps of an endless pipe"
at_once bash -c 'qwamos-gpu qemu-args "$1" --caps <(cat "$2")' - "$dir/vms/a/config.yaml" "$PWD/$caps"
says 0 "qemu-system-" "a pipe with an end is read"

# Those that are found: in the state folder, among the records, in the cache, in a captured computer.
mkfifo "$dir/state/journal/run" "$dir/state/persist/0000:01:00.0.json" "$dir/state/journal/0000:01:00.0.json"
at_once qwamos-vfio status
check "vfio status, a journal that is a FIFO" test "$status" -lt 124
at_once qwamos-vfio list
check "vfio list" test "$status" -lt 124
at_once qwamos-vfio bind 0000:77:00.0 --dry-run
check "vfio bind" test "$status" -lt 124
at_once qwamos-vfio restore
check "vfio restore" test "$status" -lt 124
mkfifo "$dir/run/b.json"
at_once qwamos-vm list
says 0 "^b +damaged record" "a record that is a FIFO"
qwamos-gpu qemu-args "$dir/vms/a/config.yaml" >"$dir/out" 2>&1
for f in "$dir"/cache/qwamos-gpu/qemu/*.json; do
	[ -e "$f" ] || continue
	rm "$f"
	mkfifo "$f"
done
at_once qwamos-gpu qemu-args "$dir/vms/a/config.yaml"
says 0 "qemu-system-" "a FIFO in the cache of what a QEMU has"
tree=$dir/root
mkdir -p "$tree/sys/bus/pci/devices/0000:01:00.0" "$tree/proc" "$tree/lib/modules"
mkfifo "$tree/sys/bus/pci/devices/0000:01:00.0/"{vendor,device,class,boot_vga,uevent,config,resource} "$tree/proc/"{cmdline,consoles,modules,iomem}
at_once qwamos-gpu detect --root "$tree"
check "detect --root, attributes that are FIFOs" test "$status" -lt 124
echo "1..$n"
exit $bad
