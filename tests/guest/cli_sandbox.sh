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
# What it has no need of is not there; of what it has, not with these arguments.
for call in ptrace ptrace-traceme process_vm_readv process_vm_writev pidfd_open pidfd_getfd kcmp io_uring_setup \
	io_uring_enter mount umount2 pivot_root chroot open_tree move_mount fsopen mount_setattr bpf unshare-user \
	unshare-mount setns clone3 perf_event_open userfaultfd keyctl add_key open_by_handle_at mknod \
	init_module finit_module kexec_load reboot syslog iopl settimeofday fork io_setup memfd_secret inotify_init1 \
	flock mq_open msgget semget execveat sync shmget-huge mkdir setuid setgid setgroups capset chown sethostname \
	int-0x80 kill; do
	found $call ENOSYS
done
for call in clone-user clone-net vfork-by-clone set-dumpable set-ptracer tiocsti tiocsti-high tunsetpersist tunsetdebug \
	tunsetnocsum siocsifhwaddr mmap-huge memfd-huge linger setlk setlkw setlease dnotify; do
	found $call EPERM
done
found socketpair EPERM
# A thousand, which would be the kernel's memory and in no limit.
found locks 0
found dumpable 0
found core 0
found "real time" 0
files=$(ulimit -Hn)
[ "$files" != unlimited ] && [ "$files" -lt 4096 ] || files=4096
found "open files" "$files $files"
found ids "$ids"
found groups 0
found processes 1
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
	found "socket $family" EPERM
done
found "abstract socket" ECONNREFUSED
found loopback ENETUNREACH
found "shared memory" ENOSYS
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
config threads
PATH="$dir/bin:$PATH" run qwamos-vm start "$dir/threads.yaml" --foreground
says 0 "^threads: 128 EAGAIN" "129 threads, no more"
check "and none of them is left" sh -c '! pgrep -f [g]uest=threads'
run qwamos-vm list
says 0 "no VMs" "nothing is left of these VMs"

# The calls that it is refused are counted, named, and cost the supervisor next to nothing.
config ask
PATH="$dir/bin:$PATH" qwamos-vm start "$dir/ask.yaml" --foreground >"$dir/log" 2>&1 &
asker=$!
check "status counts the calls that a VM was refused" soon sh -c "qwamos-vm status ask |
	grep -q '^  Refused: *3 system calls: memfd_secret 1, ioctl(0x400454c9) 2 (enforced by: seccomp)'"
check "the log names them" grep -q "its sandbox refuses the system call memfd_secret: Function not implemented" $logs/ask.log
check "each once" test "$(grep -c "its sandbox refuses the system call ioctl" $logs/ask.log)" = 1
check "who is not root is not told" sh -c "! setpriv --reuid 65534 --clear-groups cat /run/qwamos-gpu/vm/ask.refused"
kill $asker
wait $asker
check "nothing is left of that" test ! -e /run/qwamos-gpu/vm/ask.refused
# What it says in all ways at once makes it wait, and costs the host nothing. The first seconds have
# what was saved up.
config flood
PATH="$dir/bin:$PATH" qwamos-vm start "$dir/flood.yaml" --foreground >/dev/null 2>&1 &
flood=$!
cg=/sys/fs/cgroup/qwamos/flood
spent()
{
	awk '$1 == "usage_usec" { print $2 }' $cg/super/cpu.stat
}
check "the supervisor stands beside its VM" soon grep -qx $flood $cg/super/cgroup.procs
check "below the same limits" test "$(cat $cg/vm/cpu.max) $(cat $cg/cpu.max)" = "200000 100000 205000 100000"
refused()
{
	qwamos-vm status flood | sed -n 's/.*memfd_secret \([0-9]*\).*/\1/p'
}
# What was saved up for refused calls is used up first.
for ((i = 0; i < 12; i++)); do
	counted=$(refused)
	sleep 5
	[ $(($(refused) - counted)) -gt 20 ] || break
done
counted=$(refused)
before=$(spent)
# On a debug kernel each step costs several times as much, and the share of each way in is as small.
if [ "${QT_SLOWER:-1}" = 1 ]; then
	seconds=10 most=1
else
	seconds=60 most=2
fi
sleep $seconds
used=$(($(spent) - before))
more=$(($(refused) - counted))
# Where an answer takes as much as the share of many seconds, it comes late.
for ((i = 0; more == 0 && i < 10; i++)); do
	sleep 5
	more=$(($(refused) - counted))
done
check "floods cost at most $most % of the host's time ($used us of $seconds s)" \
	test $used -lt $((seconds * most * 10000 * $(nproc)))
written=$(du -cb $logs/flood.* | awk 'END { print int($1 / 1048576) }')
check "and at most 64 MiB of log ($written MiB)" test "$written" -lt 64
check "$more refused calls in $((seconds + 5 * i)) s: they wait, too" test "$more" -gt 0 -a "$more" -lt $((70 * seconds))
run qwamos-vm status "$dir/flood.yaml"
for input in output console qmp; do
	says 0 "Input: +$input: [0-9]+ KiB read; slowed [1-9][0-9]* times, .* 0 bytes lost" "status: $input was slowed, and lost nothing"
done
check "the log has it, too" grep -q " console: [0-9]* KiB read; slowed" $logs/flood.log
kill -KILL "$(vmm flood)"
wait $flood
check "its end is told: of a signal" test $? = 137
check "none of its cgroups is left" test ! -e $cg

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
cg=/sys/fs/cgroup/qwamos/v/vm
check "threads, CPU time" test "$(cat $cg/pids.max) $(cat $cg/cpu.max)" = "129 200000 100000"
check "memory: the guest's 64 MiB, 257 for QEMU, an eighth of the computer's for TCG" test \
	"$(cat $cg/memory.max)" = $(((64 + 257 + $(awk '/MemTotal/ { print int($2 / 1024 / 8) }' /proc/meminfo)) << 20))
check "and no swap beside it" test "$(cat $cg/memory.swap.max 2>/dev/null || echo 0)" = 0
peak=$(($(cat $cg/memory.peak) >> 20))
check "of which it has taken $peak MiB so far" test $peak -lt $((64 + 257))

qwamos-vm status v --json >"$dir/status"
check "none of its calls was refused" json "$dir/status" 'd["refused_calls"] == {"total": 0, "kinds": [], "of_other_kinds": 0}'

# The device filter, apart from the nodes that it can see: for root, with all of the host's.
# in_cgroup COMMAND...
in_cgroup()
{
	# shellcheck disable=SC2016	# for the inner shell
	sh -c 'echo $$ >/sys/fs/cgroup/qwamos/v/vm/cgroup.procs && exec "$@"' sh "$@"
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
says 1 "boot.kernel: $dir/kernel is not for everybody to read; accepted: " "files of root's alone are refused"
check "each of them" test "$(grep -c 'is not for everybody to read' "$dir/out")" = 3
echo 'security: {accept_host_files: true}' >>"$dir/files.yaml"
run qwamos-vm start "$dir/files.yaml"
says 0 "VM files runs" "start: with a disk, a kernel and a named file"
q=$(vmm files)
check "the disk is a set of fds" sh -c "tr '\\0' '\\n' </proc/$q/cmdline | grep -q '^if=none,id=disk0,file=/dev/fdset/1,format=raw,file.locking=off'"
check "whose path it can't see" test ! -e "/proc/$q/root$dir/disk.img"
fcg=/sys/fs/cgroup/qwamos/files
check "the copies are paid beside QEMU and its supervisor" test "$(cat $fcg/memory.max)" = \
	$(($(cat $fcg/vm/memory.max) + (32 << 20) + ($(stat -c %s "$dir/kernel") + 4095 & ~4095)))
check "where there is no memory left, QEMU is killed" test "$(cat "/proc/$q/oom_score_adj")" -ge 0
check "and not its supervisor" grep -qx -- -1000 "/proc/$(cat $fcg/super/cgroup.procs)/oom_score_adj"
check "the kernel is a copy for its group" test "$(stat -c '%u %g %a' "/proc/$q/root$dir/kernel")" = \
	"0 $(sed -n 's/^Gid:\t\([0-9]*\)\t.*/\1/p' "/proc/$q/status") 440"
timeout $((60 * ${QT_SLOWER:-1})) qwamos-vm console files </dev/null >"$dir/console" 2>&1 &
check "the kernel speaks on the console, and the log has it" soon grep -q "Linux version" $logs/files.console
check "qwamos-vm console shows it, too" soon grep -q "Linux version" "$dir/console"
run qwamos-vm status files
says 0 "Refused: *0 system calls \(enforced by: seccomp\)" "a guest that runs makes no call that is refused"
run qwamos-vm stop files --now
config keep "storage: {disk_image: $dir/disk.img, persistent: false}" "security: {accept_host_files: true}"
run qwamos-vm start "$dir/keep.yaml"
says 0 "VM keep runs" "start: a disk that is not kept"
q=$(vmm keep)
check "it can't write to the disk itself" sh -c "! grep -l '^flags:.*[12]\$' \$(find /proc/$q/fd -lname '$dir/disk.img' | sed 's/fd/fdinfo/')"
check "but has a place of its own for what it writes" test "$(stat -c '%a' /var/lib/qwamos-gpu/tmp/keep)" = 770
touch /var/lib/qwamos-gpu/tmp/keep/left
run qwamos-vm stop keep --now
check "which is gone at the end" test ! -e /var/lib/qwamos-gpu/tmp/keep
# A file below the host's /var/tmp has its own path there, and leaves no folder behind.
deep=$(mktemp -d /var/tmp/deep.XXXXXX)
cp "$dir/kernel" "$deep/kernel"
chmod 600 "$deep/kernel"
config deep "boot: {kernel: $deep/kernel, cmdline: \"console=ttyS0\"}" \
	"storage: {disk_image: $dir/disk.img, persistent: false}" "security: {accept_host_files: true}"
sed -i 's/size: 64/size: 256/' "$dir/deep.yaml"
for i in once "once more"; do
	run qwamos-vm start "$dir/deep.yaml"
	says 0 "VM deep runs" "start, $i: a kernel below /var/tmp, and a disk that is not kept"
	run qwamos-vm stop deep --now
	check "nothing of it is left" test ! -e /var/lib/qwamos-gpu/tmp/deep
done
rm -r "$deep"

# Locks: whoever may read a disk can hold one, and two VMs have no disk in common.
# lock_disk FILE: as another user, for reading, as QEMU asks whether anybody does
lock_disk()
{
	# shellcheck disable=SC2016	# Python
	setpriv --reuid 65534 --clear-groups python3 -c 'import fcntl, struct, sys, time
f = open(sys.argv[1], "rb")
for byte in range(100, 300): fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, byte, 1, 0))
open(sys.argv[2], "w").close()
time.sleep(600)' "$1" /tmp/locked &
	locker=$!
}
mkdir -m 755 /tmp/disks
truncate -s 1M /tmp/disks/all.img
chmod 644 /tmp/disks/all.img
lock_disk /tmp/disks/all.img
soon test -e /tmp/locked
config first "storage: {disk_image: /tmp/disks/all.img}"
run qwamos-vm start "$dir/first.yaml"
says 0 "VM first runs" "another user's lock of a disk that all may read keeps no VM from starting"
kill $locker
rm -f /tmp/locked
check "its QEMU holds no locks" sh -c "! grep -q '^lock:' /proc/$(vmm first)/fdinfo/*"
ln /tmp/disks/all.img /tmp/disks/same.img
config second "storage: {disk_image: /tmp/disks/same.img}"
run qwamos-vm start "$dir/second.yaml"
says 1 "/tmp/disks/same.img is in use by VM first, which runs; accepted: " "a second VM does not get a disk that the first one has"
run qwamos-vm list
check "and nothing of it is left" sh -c "! grep -q '^second' '$dir/out'"
config third "storage: {disk_image: /tmp/disks/same.img, persistent: false}"
run qwamos-vm start "$dir/third.yaml"
says 1 "is in use by VM first" "nor to read it alone, while the first one writes"
echo 'security: {accept_disk_in_use: true}' >>"$dir/third.yaml"
run qwamos-vm start "$dir/third.yaml"
says 0 "VM third runs" "unless its config accepts that"
run qwamos-vm status third
says 0 "Refused: *0 system calls" "a disk that is thrown away needs no call that is refused"
run qwamos-vm stop third --now
run qwamos-vm stop first --now
run qwamos-vm start "$dir/second.yaml"
says 0 "VM second runs" "it is free once the first one has ended"
run qwamos-vm stop second --now
chmod 600 /tmp/disks/all.img
echo 'security: {accept_host_files: true}' >>"$dir/first.yaml"
qemu-system-x86_64 -S -display none -drive if=none,id=a,file=/tmp/disks/all.img,format=raw -device virtio-blk-pci,drive=a \
	-machine q35 -monitor none -serial none &
hand=$!
soon sh -c "grep -q '^lock:' /proc/$hand/fdinfo/*"
run qwamos-vm start "$dir/first.yaml"
says 1 "all.img is in use on this computer: process $hand \(qemu-system-x86\) holds QEMU's locks on it; accepted: " "a disk of root's that a QEMU by hand has is refused"
kill $hand
wait $hand
run qwamos-vm start "$dir/first.yaml"
says 0 "VM first runs" "and not once that has ended"
run timeout 60 qemu-system-x86_64 -S -display none -drive if=none,id=a,file=/tmp/disks/all.img,format=raw \
	-device virtio-blk-pci,drive=a -machine q35 -monitor none -serial none
says 1 'Failed to get "?[a-z]*"? ?lock' "a QEMU by hand refuses a disk that a VM has"
run qwamos-vm stop first --now
rm -r /tmp/disks

# What it may read and write of its disk, by the cgroup; the disk is one that nobody else uses.
modprobe loop
truncate -s 8M "$dir/io.img"
loop=$(losetup --find --show "$dir/io.img")
config io "hardware: {cpu: {model: qemu64}, memory: {size: 64}, disk: {primary: {path: $loop}}}" \
	"resources: {io: {read_kib_s: 1024, write_ops_s: 20}}" "security: {accept_host_files: true}"
sed -i '/^hardware: {cpu: {model: qemu64}, memory: {size: 64}}$/d' "$dir/io.yaml"
run qwamos-vm start "$dir/io.yaml"
if grep -qw io /sys/fs/cgroup/cgroup.controllers; then
	says 0 "VM io runs" "start: with limits of its disk"
	number=$(cat "/sys/block/${loop#/dev/}/dev")
	check "the cgroup has them" grep -qx "$number rbps=1048576 wbps=max riops=max wiops=20" /sys/fs/cgroup/qwamos/io/vm/io.max
	run qwamos-vm status io
	says 0 "I/O: *disk $number at most 1024 KiB read, 20 writes in a second \(enforced by: cgroup\)" "status tells them"
	before=$(date +%s%N)
	# The fd is from outside: the device filter lets nobody in it open a disk.
	# shellcheck disable=SC2016	# for the inner shell
	sh -c 'echo $$ >/sys/fs/cgroup/qwamos/io/vm/cgroup.procs && exec dd iflag=direct bs=64k count=48 of=/dev/null' \
		<"$loop" 2>/dev/null
	took=$((($(date +%s%N) - before) / 1000000))
	check "3 MiB of it take more than 2 s ($took ms)" test $took -gt 2000
	run qwamos-vm stop io --now
else
	says 1 "io.max is missing: the kernel has no such controller" "a kernel that can't limit a disk is told"
fi
losetup --detach "$loop"
truncate -s 1M "$dir/noio.img"
config noio "storage: {disk_image: $dir/noio.img}" "resources: {io: {read_kib_s: 1024}}" "security: {accept_host_files: true}"
run qwamos-vm start "$dir/noio.yaml"
says 1 "noio.img can't be limited: its file system is on no disk of its own" "a limit that can't be held is refused"

# Its screen: the supervisor listens, and QEMU gets the connections.
config seen "gpu: {enabled: true}"
run qwamos-vm start "$dir/seen.yaml" --display vnc
screen=/run/qwamos-gpu/vm/seen.vnc
says 0 "its screen is shown to VNC viewers at $screen" "start: with a screen"
check "which is root's alone" test "$(stat -c '%U %a' $screen)" = "root 600"
check "as are the records of VMs, and the folder that they are in" test "$(stat -c '%U %a' /run/qwamos-gpu/vm /run/qwamos-gpu/vm/seen.json | paste -sd' ')" = "root 700 root 600"
check "whom nobody else can lock" sh -c "! setpriv --reuid 65534 --clear-groups flock -s -n /run/qwamos-gpu/vm/seen.json true"
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
config top "storage: {disk_image: $dir/top.qcow2}" "security: {accept_host_files: true}"
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
# A QEMU that makes more than was planned has no guest run.
config other
PATH="$dir/bin:$PATH" run qwamos-vm start "$dir/other.yaml"
says 1 "QEMU has made another machine than was planned: expected no device 'device\[0\]', found a edu" \
	"a device that was not planned ends the VM"
run qwamos-vm list
check "and nothing of it is left" sh -c "! grep -q '^other' '$dir/out'"
# A QEMU that ends at once is told as such.
config wrong 'qemu_extra_args: [-device, "usb-ehci,bus=nowhere"]'
run qwamos-vm start "$dir/wrong.yaml"
says 1 "Bus 'nowhere' not found" "a QEMU that ends at once has its words told"
check "and how it ended" grep -q "QEMU of VM wrong ended with status 1" "$dir/out"

# What can't be had is told, and nothing is left.
config none
PATH=/usr/bin:/bin:/usr/sbin:/sbin mount -t tmpfs none /sys/fs/cgroup 2>/dev/null
run "$(command -v qwamos-vm)" start "$dir/none.yaml"
umount /sys/fs/cgroup
says 1 "qwamos-vm: " "without cgroups a VM is refused"
libbpf=$(ldconfig -p | sed -n '/libbpf/{s/.* => //p;q}')
mount --bind /dev/null "$libbpf"
run qwamos-vm start "$dir/none.yaml"
umount "$libbpf"
says 1 "the device filter can't be loaded: " "and without a library for what limits it"
run qwamos-vm list
says 0 "no VMs" "and nothing is left"
sysctl -q fs.suid_dumpable=1
run qwamos-vm start "$dir/none.yaml"
sysctl -q fs.suid_dumpable=0
says 1 "the sandbox does not hold: it can be dumped" "a host that makes everything dumpable is told"
check "and QEMU is gone" sh -c '! pgrep -f [g]uest=none'
echo "1..$n"
