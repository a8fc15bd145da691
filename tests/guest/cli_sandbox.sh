#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The sandbox that qwamos-vm start puts QEMU in: what QEMU has, and what a program in its place
# (tests/lib/escape.py) can't do. The background, logs, console and limits, too.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
lib=$(cd "$(dirname "$0")/../lib" && pwd)
bochs=$(lab-dev bochs)
logs=/var/log/qwamos

# soon COMMAND...: within a minute
soon()
{
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

# config NAME LINE...
config()
{
	printf 'vm: {name: %s}\nmachine: {type: q35, accel: tcg}\nhardware: {cpu: {model: qemu64}, memory: {size: 64}}\n' \
		"$1" >"$dir/$1.yaml"
	name=$1
	shift
	[ $# = 0 ] || printf '%s\n' "$@" >>"$dir/$name.yaml"
}

vmm()
{
	qwamos-gpu vm list | awk -v n="$1" '$2 == n { print $NF }'
}

# found NAME RESULT: the line of escape.py
declare -A told
found()
{
	if [ "${told[$1]:-nothing}" = "$2" ]; then
		ok "in the sandbox: $1: $2"
	else
		not_ok "in the sandbox: $1: $2" "found: ${told[$1]:-nothing}"
	fi
}

echo "TAP version 13"

# Since 6.16 exec leaves a process the effective user that its files are not to be read by.
IFS=. read -r major minor _ <<<"$(uname -r)"
ids=one
step=0
if [ $((major * 1000 + minor)) -ge 6016 ]; then
	ids="one and the next"
	step=1
fi

# A program in QEMU's place.
mkdir "$dir/bin"
cp "$lib/escape.py" "$dir/bin/qemu-system-x86_64"
ipcmk -M 4096 -p 0666 >"$dir/shm"
key=$(ipcs -m | awk '$1 ~ /^0x/ && $5 == 4096 { print $1; exit }')
python3 -c '
import socket, time
a = socket.socket(socket.AF_UNIX); a.bind("\0escape"); a.listen()
b = socket.socket(); b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); b.bind(("127.0.0.1", 5151)); b.listen()
time.sleep(600)' &
listeners=$!
soon grep -q '@escape' /proc/net/unix
config out
# So that it can tell the key, although it has no environment of ours.
sed -i "s/\"ESCAPE_SHM_KEY\", \"0x51a5\"/\"ESCAPE_SHM_KEY\", \"$key\"/; s/\"ESCAPE_PID\", \"2\"/\"ESCAPE_PID\", \"$$\"/" \
	"$dir/bin/qemu-system-x86_64"
PATH="$dir/bin:$PATH" run qwamos-vm start "$dir/out.yaml" --foreground
says 0 "^end: done" "a program in QEMU's place runs to its end"
while IFS= read -r line; do
	told[${line%%: *}]=${line#*: }
done <"$dir/out"
for call in ptrace ptrace-traceme process_vm_readv process_vm_writev pidfd_open pidfd_getfd kcmp io_uring_setup \
	io_uring_enter mount umount2 pivot_root chroot open_tree move_mount fsopen mount_setattr bpf unshare-user \
	unshare-mount setns clone-user clone-net perf_event_open userfaultfd keyctl add_key open_by_handle_at mknod \
	init_module finit_module kexec_load reboot syslog iopl settimeofday set-dumpable set-ptracer tiocsti \
	tiocsti-high tunsetpersist siocsifhwaddr \
	mmap-huge memfd-huge shmget-huge mkdir linger setuid setgid setgroups capset chown sethostname; do
	found $call EPERM
done
found clone3 ENOSYS
found int-0x80 SIGSYS
found dumpable 0
found core 0
found "real time" 0
found socketpair EAFNOSUPPORT
found ids "$ids"
found groups 0
found processes 1
found kill ESRCH
for path in /proc/sys/kernel/hostname /proc/kcore /etc/shadow /root /home /run /sys/kernel /sys/fs/cgroup /dev/mem \
	/dev/kmsg /dev/qwamos_gpu /dev/dri /dev/net/tun /dev/pts /dev/tty /dev/shm; do
	found "see $path" ENOENT
done
for path in /x /usr/x /usr/bin/x /dev/x /etc/x; do
	found "write $path" EROFS
done
found "write /tmp/x" "done"
found "run /tmp/x" EACCES
found interfaces lo
for family in AF_NETLINK AF_PACKET AF_ALG AF_VSOCK AF_KEY; do
	found "socket $family" EAFNOSUPPORT
done
found "abstract socket" ECONNREFUSED
found loopback ENETUNREACH
found "shared memory" ENOENT
found terminals 0
found "manager's fds" none
kill $listeners
ipcrm -M "$key"

# Its limits. What it takes together is its VM's alone: the kernel ends that, and nothing else.
config eat
PATH="$dir/bin:$PATH" run qwamos-vm start "$dir/eat.yaml" --foreground
says 137 "^qwamos-vm: the QEMU of VM eat was killed by signal 9" "who takes too much memory is killed"
eaten=$(sed -n 's/^eaten: //p' "$dir/out" | tail -n 1)
check "not before it had the guest's memory and what QEMU needs ($eaten MiB)" test "$eaten" -gt 300
check "and not long after ($eaten MiB)" test "$eaten" -lt 700
config fork
PATH="$dir/bin:$PATH" run qwamos-vm start "$dir/fork.yaml" --foreground
says 0 "^forks: 128 EAGAIN" "129 processes and threads, no more"
check "and none of them is left" sh -c '! pgrep -f [g]uest=fork'
run qwamos-vm list
says 0 "no VMs" "nothing is left of these VMs"

# Two at once have users of their own.
config sleep
PATH="$dir/bin:$PATH" qwamos-vm start "$dir/sleep.yaml" --foreground >"$dir/log" 2>&1 &
sleeper=$!
soon sh -c "qwamos-gpu vm list | grep -q ' sleep '"

# The real one.
config v "gpu: {enabled: true, access_mode: passthrough, trust_level: system, device: \"$bochs\"}"
run setsid sh -c "qwamos-vm start $dir/v.yaml; echo started; kill -9 0"
check "start comes back when the VM runs" grep -q '^started' "$dir/out"
q=$(vmm v)
check "and the VM outlives the shell that has started it" test -e "/proc/$q/exe"
check "which is QEMU" sh -c "tr '\\0' ' ' </proc/$q/cmdline | grep -q 'qemu-system-x86_64 -nodefaults'"
uid=$(stat -c %u "/proc/$q/task/$q/children" 2>/dev/null; sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$q/status")
uid=${uid##*$'\n'}
other=$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$(vmm sleep)/status")
check "it has a user of its own ($uid)" test "$uid" -ge 1879048192
check "another than the other VM's ($other)" test "$uid" != "$other" -a "$other" -ge 1879048192
next=$((uid + step))
check "which it can't leave" grep -q "^Uid:	$uid	$next	$next	$next" "/proc/$q/status"
check "no capabilities" sh -c "test \$(grep -c '^Cap.*0000000000000000' /proc/$q/status) = 5"
check "two filters: ours and QEMU's" grep -q "^Seccomp_filters:	2" "/proc/$q/status"
check "no_new_privs" grep -q "^NoNewPrivs:	1" "/proc/$q/status"
for ns in mnt pid ipc net uts cgroup; do
	check "its own $ns namespace" test "$(readlink "/proc/$q/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")"
done
check "it can't be dumped: root has its files in /proc" test "$(stat -c %u "/proc/$q/stat")" = 0
group=$(basename "$(readlink "/sys/bus/pci/devices/$bochs/iommu_group")")
check "of devices it has these" test \
	"$(cd "/proc/$q/root/dev" && find . -type c | sort | paste -sd' ')" = \
	"./full ./null ./random ./urandom ./vfio/$group ./vfio/vfio ./zero"
check "each its user's alone" test "$(stat -c '%u %g %a' "/proc/$q/root/dev/vfio/$group")" = "$uid $uid 660"
check "the host's node stays root's" test "$(stat -c %u "/dev/vfio/$group")" = 0
check "of sysfs its own device's group alone" test \
	"$(cd "/proc/$q/root/sys" && find . ! -type d)" = "./bus/pci/devices/$bochs/iommu_group"
check "memory may be locked for DMA, but not without a limit" grep -qE "Max locked memory +1140850688 " "/proc/$q/limits"
cg=/sys/fs/cgroup/qwamos/v
check "threads, CPU time" test "$(cat $cg/pids.max) $(cat $cg/cpu.max)" = "129 200000 100000"
check "memory: the guest's 64 MiB, 257 for QEMU, an eighth of the computer's for TCG" test \
	"$(cat $cg/memory.max)" = $(((64 + 257 + $(awk '/MemTotal/ { print int($2 / 1024 / 8) }' /proc/meminfo)) << 20))
check "and no swap beside it" test "$(cat $cg/memory.swap.max 2>/dev/null || echo 0)" = 0
peak=$(($(cat $cg/memory.peak) >> 20))
check "of which it has taken $peak MiB so far" test $peak -lt $((64 + 257))

# The device filter, apart from the nodes that it can see: for root, with all of the host's.
# in_cgroup COMMAND...
in_cgroup()
{
	# shellcheck disable=SC2016	# for the inner shell
	sh -c 'echo $$ >/sys/fs/cgroup/qwamos/v/cgroup.procs && exec "$@"' sh "$@"
}
run in_cgroup cat /dev/kmsg
says 1 "Operation not permitted" "in its cgroup root can't open another device"
run in_cgroup mknod "$dir/node" c 1 3
says 1 "Operation not permitted" "nor make a node"
run in_cgroup dd if=/dev/zero of=/dev/null count=1
says 0 "" "but these can be opened"

# Log and console.
check "the log has what the supervisor did" grep -q " VM v runs" $logs/v.log
check "with the time, for root and its group alone" test "$(stat -c '%U %a' $logs/v.log)" = "root 640"
run qwamos-vm console nobody
says 1 "no VM .?nobody" "no console of a VM that does not run"
run qwamos-vm stop v --now
says 0 "" "stop"
check "the log goes on to its end" grep -q " VM v is over" $logs/v.log
check "the device is free" sh -c "qwamos-vfio list | grep -q '$bochs'"
kill $sleeper
wait $sleeper

# Files: the disk is root's alone, and so is the kernel; QEMU gets the one by fds, the other as a copy.
truncate -s 1M "$dir/disk.img"
chmod 600 "$dir/disk.img"
cp "$LAB_KERNEL_IMAGE" "$dir/kernel"
chmod 600 "$dir/kernel"
echo "a file" >"$dir/named"
config files "boot: {kernel: $dir/kernel, cmdline: \"console=ttyS0 earlyprintk=ttyS0\"}" \
	"storage: {disk_image: $dir/disk.img}" \
	"qemu_extra_args: [-fw_cfg, \"name=opt/x,file=$dir/named\"]"
sed -i 's/size: 64/size: 256/' "$dir/files.yaml"
run qwamos-vm start "$dir/files.yaml"
says 0 "VM files runs" "start: with a disk, a kernel and a named file"
q=$(vmm files)
check "the disk is a set of fds" sh -c "tr '\\0' '\\n' </proc/$q/cmdline | grep -q '^if=none,id=disk0,file=/dev/fdset/1,format=raw'"
check "whose path it can't see" test ! -e "/proc/$q/root$dir/disk.img"
check "the kernel is a copy for its group" test "$(stat -c '%u %g %a' "/proc/$q/root$dir/kernel")" = \
	"0 $(sed -n 's/^Gid:\t\([0-9]*\)\t.*/\1/p' "/proc/$q/status") 440"
timeout $((60 * ${QT_SLOWER:-1})) qwamos-vm console files </dev/null >"$dir/console" 2>&1 &
check "the kernel speaks on the console, and the log has it" soon grep -q "Linux version" $logs/files.console
check "qwamos-vm console shows it, too" soon grep -q "Linux version" "$dir/console"
run qwamos-vm stop files --now
config keep "storage: {disk_image: $dir/disk.img, persistent: false}"
run qwamos-vm start "$dir/keep.yaml"
says 0 "VM keep runs" "start: a disk that is not kept"
q=$(vmm keep)
check "it can't write to the disk itself" sh -c "! grep -l '^flags:.*[12]\$' \$(find /proc/$q/fd -lname '$dir/disk.img' | sed 's/fd/fdinfo/')"
check "but has a place of its own for what it writes" test "$(stat -c '%a' /var/lib/qwamos-gpu/tmp/keep)" = 770
touch /var/lib/qwamos-gpu/tmp/keep/left
run qwamos-vm stop keep --now
check "which is gone at the end" test ! -e /var/lib/qwamos-gpu/tmp/keep

# Its screen: the supervisor listens, and QEMU gets the connections.
config seen "gpu: {enabled: true}"
run qwamos-vm start "$dir/seen.yaml" --display vnc
screen=/run/qwamos-gpu/vm/seen.vnc
says 0 "its screen is shown to VNC viewers at $screen" "start: with a screen"
check "which is root's alone" test "$(stat -c '%U %a' $screen)" = "root 600"
check "and which QEMU can't see" test ! -e "/proc/$(vmm seen)/root$screen"
for i in 1 2; do
	run "$lib/vnc.py" $screen
	says 0 "^QEMU \(seen\) 640x480 [1-9][0-9]*\$" "viewer $i sees something"
done
check "a process of no user but root can't connect" sh -c "! setpriv --reuid 65534 --clear-groups '$lib/vnc.py' $screen"
run qwamos-vm stop seen --now
check "it is gone with the VM" test ! -e $screen
install -m 644 "$dir/seen.yaml" /tmp/everybody.yaml
run setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v qwamos-vm)" start /tmp/everybody.yaml
says 1 "only root starts VMs" "who is not root is told so"
config blind
run qwamos-vm start "$dir/blind.yaml" --display vnc
says 1 "--display: QEMU makes no screen for blind: its config gives it no adapter" "a VM without an adapter has none"
run qwamos-vm start "$dir/seen.yaml" --display gtk
says 2 "'gtk' found, none or vnc accepted" "nor is there a window"

truncate -s 1M "$dir/base.img"
printf 'QFI\373\0\0\0\3\0\0\0\0\0\0\1\150\0\0\0\10' >"$dir/top.qcow2"
config top "storage: {disk_image: $dir/top.qcow2}"
run qwamos-vm start "$dir/top.yaml"
says 1 "top.qcow2 has a backing file" "a disk with another behind it is refused"

# Whoever has started it is killed before it runs.
config orphan
qwamos-vm start "$dir/orphan.yaml" >"$dir/log" 2>&1 &
caller=$!
soon sh -c "qwamos-vm list | grep -q 'orphan.*running'"
kill -9 $caller
check "start is killed: the VM comes to run all the same" soon grep -q "VM orphan runs" $logs/orphan.log
run qwamos-vm stop orphan --now
says 0 "" "and is there to be stopped"
# A QEMU that ends at once is told as such.
config wrong 'qemu_extra_args: [-no-such-option]'
run qwamos-vm start "$dir/wrong.yaml"
says 1 "no-such-option: invalid option" "a QEMU that ends at once has its words told"
check "and how it ended" grep -q "QEMU of VM wrong ended with status 1" "$dir/out"

# What can't be had is told, and nothing is left.
config none
PATH=/usr/bin:/bin:/usr/sbin:/sbin mount -t tmpfs none /sys/fs/cgroup 2>/dev/null
run "$(command -v qwamos-vm)" start "$dir/none.yaml"
umount /sys/fs/cgroup
says 1 "qwamos-vm: " "without cgroups a VM is refused"
run qwamos-vm list
says 0 "no VMs" "and nothing is left"
sysctl -q fs.suid_dumpable=1
run qwamos-vm start "$dir/none.yaml"
sysctl -q fs.suid_dumpable=0
says 1 "the sandbox does not hold: it can be dumped" "a host that makes everything dumpable is told"
check "and QEMU is gone" sh -c '! pgrep -f [g]uest=none'
echo "1..$n"
