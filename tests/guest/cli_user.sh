#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whom qwamos-gpu vm run runs its COMMAND as: --user, --as-root, and what is refused; what a user
# has, seen from outside, and that VFIO works for it without anything being left on the host.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/gpu.sh
. "$(dirname "$0")/../lib/gpu.sh"
bochs=$(lab-dev bochs)

# vm_run [OPTION]... -- COMMAND...
vm_run()
{
	qwamos-gpu vm run a --level low "$@"
}

vmm()
{
	qwamos-gpu vm list | awk '$2 == "a" { print $NF }'
}

# proc PID FIELD: its words in /proc/PID/status
proc()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '\t ' ' ' | sed 's/ $//'
}

# What of /dev/vfio, and which mounts, the host has.
host()
{
	(cd /dev/vfio 2>/dev/null && find . -type c -printf '%p %U:%G %m\n' | sort)
	grep -c . /proc/self/mountinfo
}

# A user with an entry, in the groups of KVM and of others.
cp /etc/passwd /etc/group "$dir"
echo 'vmuser:x:4712:4713::/home/vmuser:/bin/sh' >>"$dir/passwd"
printf '%s\n' vmuser:x:4713: kvmtest:x:4714:vmuser othertest:x:4715:vmuser >>"$dir/group"
chmod 644 "$dir/passwd" "$dir/group"
mount --bind "$dir/passwd" /etc/passwd
mount --bind "$dir/group" /etc/group
trap 'umount /etc/passwd /etc/group; rm -rf "$dir"' EXIT
[ -e /dev/kvm ] || touch /dev/kvm
chgrp 4714 /dev/kvm
chmod 660 /dev/kvm

echo "TAP version 13"

# What is refused, with what would be accepted; nothing is made.
run qwamos-gpu audit --limit 65536 --event VM_CREATED
before=$(wc -l <"$dir/out")
run vm_run -- touch "$dir/ran"
says 125 "refusing to run COMMAND as root: expected --user NAME or --as-root .*core_pattern" "root without --user or --as-root"
check "and where to read on" grep -q '^Try: qwamos-gpu vm run --help' "$dir/out"
while IFS='|' read -r options pattern; do
	# shellcheck disable=SC2086	# words
	run vm_run $options -- touch "$dir/ran"
	says 125 "$pattern" "$options"
done <<'END'
--user root|refusing to run COMMAND as root: expected --user NAME or --as-root
--user 0|refusing to run COMMAND as root
--user 0:0|refusing to run COMMAND as root
--user vmuser --as-root|--as-root and --user vmuser: expected one of them
--user 4711:4711 --as-root|--as-root and --user 4711:4711: expected one of them
--user nosuchuser|unknown user 'nosuchuser': expected a name from getent passwd, or UID:GID
--user 0x10|unknown user '0x10'
--user vmuser:nosuchgroup|unknown group 'nosuchgroup': expected a name from getent group, or a gid
--user 4711|user 4711 has no entry in passwd, so its group is unknown: expected 4711:GID
--user -5:5|invalid uid '-5': expected a number from 1 to 4294967294
--user 4711:-5|invalid gid '-5': expected a number
--user 4294967295:1|invalid uid '4294967295': expected a number
--user 4294967296:1|invalid uid '4294967296': expected a number
--user 99999999999999999999:1|invalid uid '99999999999999999999': expected a number
--user 4711:4294967295|invalid gid '4294967295': expected a number
--user 4711:0|user 4711 would have root's group: expected 4711:GROUP with another one
--user vmuser:root|user vmuser would have root's group: expected vmuser:GROUP
--user 0:4711 --as-root|invalid user '0:4711': root has its own group alone
--user 1879048192:1|invalid uid '1879048192': 1879048192 to 1912602623 are those of qwamos-vm's sandboxes
--user 1912602623:1|invalid uid '1912602623': .*sandboxes
--user :1|invalid user ':1': expected NAME or UID
--user 4711:|invalid user '4711:': expected NAME or UID
END
run vm_run --user '' -- true
says 125 "invalid user '': expected NAME or UID" "--user of no word"
run setpriv --reuid 4712 --regid 4713 --clear-groups "$(command -v qwamos-gpu)" vm run a --level low --user 4711:4711 -- true
says 125 "--user 4711:4711: only root can run COMMAND as another user" "--user by another user than root"
run setpriv --reuid 4712 --regid 4713 --clear-groups "$(command -v qwamos-gpu)" vm run a --level low --as-root -- true
says 125 "--as-root: the caller is not root" "--as-root by another user than root"
run setpriv --ruid 4712 "$(command -v qwamos-gpu)" vm run a --level low -- true
says 125 "refusing to run COMMAND as root" "root by its effective user alone"
check "COMMAND has not run" test ! -e "$dir/ran"
run qwamos-gpu audit --limit 65536 --event VM_CREATED
check "and no VM was made for any of these" test "$(wc -l <"$dir/out")" = "$before"

# Files that the user can't reach.
chmod 711 "$dir"
mkdir "$dir/closed" "$dir/open"
chmod 700 "$dir/closed"
cp /bin/true "$dir/closed/program"
cp /bin/true "$dir/open/program"
chmod 700 "$dir/open/program"
touch "$dir/closed/disk.img" "$dir/disk.img" "$dir/open/disk.img"
chmod 600 "$dir/disk.img"
chmod 644 "$dir/closed/disk.img" "$dir/open/disk.img"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$dir/open/sock"
chmod 755 "$dir/open/sock"
for file in closed/program open/program; do
	run vm_run --user 4711:4711 -- "$dir/$file"
	says 126 "user \(uid 4711, gid 4711, .*can't execute $dir/$file" "a program that the user can't execute: $file"
done
for word in "$dir/disk.img" "file=$dir/disk.img,format=raw" "if=none,file=$dir/closed/disk.img" \
	"socket,path=$dir/open/sock,server=off" "local,path=$dir/closed"; do
	path=${word#*=}
	path=$dir/${path##*"$dir/"}
	path=${path%%,*}
	run vm_run --user vmuser -- true -drive "$word"
	says 125 "$path, which COMMAND names, can't be read by user vmuser \(uid 4712" "a file that the user can't read: ${word/"$dir"/DIR}"
done
run sh -c "cd $dir && exec qwamos-gpu vm run a --level low --user vmuser -- true -drive file=disk.img"
says 125 "disk.img, which COMMAND names, can't be read by user vmuser" "also by its name alone"
run vm_run --user vmuser -- true -drive "file=$dir/open/disk.img" -o "$dir/closed/not-there" "$dir/open" -v /dev/null
says 0 "" "what can be read, or is not there, is no hindrance"
run vm_run --user 4711:4711 -- nosuchprogram
says 127 "nosuchprogram: No such file" "127: not found"
run vm_run --user 4711:4711 -- /etc/passwd
says 126 "/etc/passwd: Permission denied" "126: nobody can execute it"
run vm_run --user 4711:4711 -- sh -c 'exit 7'
says 7 "running sh as user \(uid 4711, gid 4711, supplementary groups: none\)" "whom it runs as is told, and status 7 comes through"
run vm_run --user 4711:4711 --quiet -- true
silent "but not with --quiet"

# Root, as asked for.
run vm_run --as-root -- id -u
says 0 "^0$" "--as-root"
run vm_run --as-root --user root -- id -u
says 0 "^0$" "--as-root --user root"

# What it has.
cat >"$dir/open/look.py" <<'END'
import errno, fcntl, os, termios
def told(call):
    try:
        call()
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]
print("ids", *os.getresuid(), *os.getresgid(), *os.getgroups())
print("env", *(os.environ.get(k, "-") for k in ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "KEPT")))
print("tiocsti", told(lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x")))
print("isatty", told(lambda: fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)))
print("setuid", told(lambda: os.setuid(0)))
print("setgroups", told(lambda: os.setgroups([0])))
print("core_pattern", told(lambda: open("/proc/sys/kernel/core_pattern", "w")))
END
XDG_RUNTIME_DIR=/run/user/0 KEPT=kept run vm_run --user vmuser -- python3 "$dir/open/look.py" </dev/null
says 0 "^ids 4712 4712 4712 4713 4713 4713 4714$" "a user by its name: with KVM's group, and no other of its own"
says 0 "^env /home/vmuser vmuser vmuser - kept$" "HOME, USER, LOGNAME are its own, the caller's runtime directory is gone, the rest stays"
says 0 "^tiocsti EPERM$" "it can't type on a terminal"
says 0 "^isatty ENOTTY$" "other ioctls go through"
says 0 "^setuid EPERM$" "nor become root"
says 0 "^setgroups EPERM$" "nor have its groups"
says 0 "^core_pattern EACCES$" "nor set core_pattern"
run vm_run --user 4712 --quiet -- id -G
says 0 "^4713 4714$" "by its number, with its entry's group"
run vm_run --user vmuser:othertest --quiet -- id -G
says 0 "^4715 4714$" "with another group, by name"
run vm_run --user 4711:4714 --quiet -- id -G
says 0 "^4714$" "a number without an entry has no other groups"
run vm_run --user 4711:4711 --quiet -- qwamos-gpu vm show --json
check "it can ask about its VM" json "$dir/out" "d['name'] == 'a' and d['level'] == 'low'"

# Passthrough: QEMU with VFIO.
host >"$dir/host"
up()
{
	qwamos-gpu vm run a --level system --device "$bochs" --user 4711:4711 -- \
		qemu-system-x86_64 -nodefaults -no-user-config -display none -machine q35,accel=tcg \
		-cpu qemu64 -m 64 -device "vfio-pci,host=$bochs" >"$dir/log" 2>&1 &
	vm=$!
	soon sh -c "qwamos-gpu vm list | grep -qE ' a +system +live +1 +1 '" ||
		not_ok "QEMU opens the GPU" "$(qwamos-gpu vm list)" "$(cat "$dir/log")"
}
up
q=$(vmm)
check "a GPU is passed to QEMU as a user" grep -q qemu-system-x86_64 "/proc/$q/cmdline"
check "which is told" grep -q "running qemu-system-x86_64 as user (uid 4711, gid 4711, supplementary groups: none)" "$dir/log"
check "from outside: its users" test "$(proc "$q" Uid)" = "4711 4711 4711 4711"
check "its groups" test "$(proc "$q" Gid)" = "4711 4711 4711 4711"
check "no supplementary ones" test "$(proc "$q" Groups)" = ""
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	check "no capabilities in $set" test "$(proc "$q" $set)" = 0000000000000000
done
check "no_new_privs" test "$(proc "$q" NoNewPrivs)" = 1
check "the filter of calls on terminals" test "$(proc "$q" Seccomp) $(proc "$q" Seccomp_filters)" = "2 1"
check "all of its threads are that user's" test "$(sed -n 's/^Uid:[[:space:]]*//p' /proc/"$q"/task/*/status | tr '\t' '\n' | sort -u)" = 4711
check "it stands in the VM's cgroup" grep -q qwamos/a "/proc/$q/cgroup"
check "with no manage fd, control fd or lock of its supervisor's" sh -c "! ls -l /proc/$q/fd | grep -E 'qwamos-gpu-manage|/dev/qwamos_gpu|qwamos-gpu/vm'"
group=$(basename "$(readlink "/sys/bus/pci/devices/$bochs/iommu_group")")
check "of VFIO it sees its group alone, as its own" test \
	"$(cd "/proc/$q/root/dev/vfio" && find . -type c -printf '%p %U:%G %m\n' | sort | paste -sd' ')" = \
	"./$group 4711:4711 600 ./vfio 4711:4711 600"
check "it has it open" sh -c "ls -l /proc/$q/fd | grep -q ' /dev/vfio/$group\$'"
check "the host's node stays root's" test "$(stat -c '%u:%g %a' "/dev/vfio/$group")" = "0:0 600"
check "and nothing is mounted on the host for it" test "$(grep -c . /proc/self/mountinfo)" = "$(tail -n 1 "$dir/host")"
check "memory may be locked for DMA" grep -qE "Max locked memory +unlimited" "/proc/$q/limits"
check "the supervisor is root" test "$(proc $vm Uid)" = "0 0 0 0"
run setpriv --reuid 4711 --regid 4711 --clear-groups sh -c "exec 9<>/dev/vfio/$group"
says 2 "Permission denied" "the same user outside can't open the host's node"
run qwamos-vm stop a
says 0 "" "the supervisor still manages it: stop"
wait $vm
check "QEMU is gone" test ! -e "/proc/$q"
host >"$dir/host.after"
check "the host's /dev/vfio and mounts are as before" cmp "$dir/host" "$dir/host.after"

# The supervisor is killed: nothing of the grant can be left, for there was none on the host.
up
q=$(vmm)
kill -9 $vm
wait $vm 2>/dev/null
check "the supervisor is killed: so is QEMU" soon test ! -e "/proc/$q"
check "the host's nodes are root's" sh -c "! find /dev/vfio -type c -uid 4711 -o -type c -gid 4711 | grep ."
check "no mount is left" test "$(grep -c . /proc/self/mountinfo)" = "$(tail -n 1 "$dir/host")"
run vm_run --user 4711:4711 -- true
says 0 "putting back what VM a has left" "the next run gives the GPU back"
host >"$dir/host.after"
check "and all is as before" cmp "$dir/host" "$dir/host.after"
echo "1..$n"
