#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 180
# Configs as their authors write them: what of this computer a VM would get by one, whose config is
# believed, and that a name is no file of the current folder. Without the module; by --dry-run.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
PATH=$PWD/build/bin:$PATH
umask 022
export XDG_CACHE_HOME=$dir/cache QWAMOS_RUN_DIR=$dir/run QWAMOS_VMS_DIR=$dir/vms
chmod 755 "$dir"
mkdir -p "$dir/vms/a" "$dir/run" "$dir/cwd"

# config LINE...: of the VM a, in its folder
config()
{
	printf 'vm: {name: a}\nmachine: {type: q35, accel: tcg}\nhardware: {cpu: {model: qemu64}, memory: {size: 64}}\nnetwork: {mode: airgapped, device: none}\n' >"$dir/vms/a/config.yaml"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$dir/vms/a/config.yaml"
}

dry()
{
	run timeout 60 qwamos-vm start a --dry-run
}

echo "TAP version 13"
config
dry
says 0 "^VM a, level medium, would get:" "a config of one's own"

# A name is never a file of the current folder.
echo "vm: {name: other}" >"$dir/cwd/a"
echo "vm: {name: other}" >"$dir/cwd/vm.yaml"
bin=$(command -v qwamos-vm)
here() { run sh -c 'cd "$1" && shift && exec "$@"' - "$dir/cwd" "$bin" "$@"; }
here status a
says 3 "Config: +$dir/vms/a/config.yaml" "a name: the VM's folder, whatever the current one has"
here status ./a
says 3 "^VM: +other, stopped" "a path has a slash"
here status vm.yaml
says 1 "no VM 'vm.yaml': .*the path of a config file, which has a slash \(./vm.yaml\)" "a file without one is no path, and the hint says so"
here start vm.yaml --dry-run
says 1 "no VM 'vm.yaml'" "nor is it started"

# Who may change the config says what root does.
chmod 666 "$dir/vms/a/config.yaml"
dry
says 1 "a/config.yaml: error: others may change it: $dir/vms/a/config.yaml can be written to by everybody \(mode 0666\); accepted: a config that" "a config that everybody may write to is refused"
run qwamos-vm list
says 0 "^a +broken config .*others may change it" "list: tells so"
chmod 664 "$dir/vms/a/config.yaml"
dry
says 1 "can be written to by its group" "so is one that its group may"
config
# Another user's entry: version 2, then tag, rights and user of each.
if python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in (
    (1, 6, 2**32 - 1), (2, 6, 65534), (4, 4, 2**32 - 1), (16, 6, 2**32 - 1), (32, 4, 2**32 - 1))))' "$dir/vms/a/config.yaml" 2>/dev/null; then
	dry
	says 1 "can be written to by its group" "or another user, by an ACL"
	rm "$dir/vms/a/config.yaml"
	config
else
	echo "# no ACLs here"
fi
chmod 644 "$dir/vms/a/config.yaml"
chmod 777 "$dir/vms"
dry
says 1 "others may change it: $dir/vms can be written to by everybody" "or one in a folder that everybody may write to"
chmod 1777 "$dir/vms"
dry
says 0 "" "a sticky one is none"
chmod 755 "$dir/vms"
chmod 666 "$dir/vms/a/config.yaml"
run qwamos-gpu config check "$dir/vms/a/config.yaml"
says 0 "note: nothing is started with it: others may change it: " "config check looks at it all the same, and notes that"
chmod 644 "$dir/vms/a/config.yaml"
run qwamos-gpu config check "$dir/vms/a/config.yaml"
check "but not of one that root alone may change" sh -c "! grep -q 'others may' '$dir/out'"

if [ "$(id -u)" = 0 ]; then
	chown 65534 "$dir/vms/a/config.yaml"
	dry
	says 1 "others may change it: $dir/vms/a/config.yaml belongs to user 65534" "another user's config is refused"
	chown 0 "$dir/vms/a/config.yaml"
	chown 65534 "$dir/vms/a"
	dry
	says 1 "others may change it: $dir/vms/a belongs to user 65534" "and one in another user's folder"
	chown 0 "$dir/vms/a"

	# What of this computer it gives away.
	config "boot: {kernel: /etc/shadow}"
	dry
	says 1 "config.yaml:5:16: error: boot.kernel: /etc/shadow is not for everybody to read; accepted: .*security.accept_host_files: true" "kernel: /etc/shadow"
	ln -s /etc/shadow "$dir/vms/a/vmlinuz"
	config "boot: {kernel: $dir/vms/a/vmlinuz, initrd: $dir/vms/a/vmlinuz}"
	dry
	says 1 "boot.initrd: /etc/shadow is not for everybody" "nor by a link in the VM's folder"
	config "storage: {disk_image: /etc/passwd}"
	dry
	says 1 "storage.disk_image: /etc/passwd is a file of this computer's system" "disk: /etc/passwd"
	config 'qemu_extra_args: ["-fw_cfg", "name=opt/x,file=/etc/shadow"]'
	dry
	says 1 "qemu_extra_args: /etc/shadow is not for everybody" "an argument that names /etc/shadow"
	config "boot: {kernel: /etc/shadow}" "security: {accept_host_files: true}"
	dry
	says 0 "^  file /etc/shadow" "security.accept_host_files: all that is accepted"
	run qwamos-gpu config show "$dir/vms/a/config.yaml"
	says 0 "^security.accept_host_files +true" "config show tells it"

	loop=
	truncate -s 1M "$dir/vms/a/disk.img"
	loop=$(losetup -f --show "$dir/vms/a/disk.img" 2>/dev/null)
	config "storage: {disk_image: $dir/vms/a/disk.img}"
	if [ "$loop" ]; then
		dry
		says 1 "disk.img is in use on this computer: under the loop device ${loop#/dev/}" "an image that is a loop device's"
		# The loop device as a disk, claimed as by a mount.
		config "storage: {disk_image: $loop}" "security: {accept_host_files: true}"
		dry
		says 0 "if=none,id=disk0,file=/dev/fdset/1" "a block device that nobody uses"
		python3 -c 'import os, sys, time
os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
open(sys.argv[2], "w").close()
time.sleep(100)' "$loop" "$dir/claimed" &
		claimer=$!
		for ((i = 0; i < 100; i++)); do
			[ -e "$dir/claimed" ] && break
			sleep 0.1
		done
		dry
		says 1 "storage.disk_image: $loop is in use on this computer: .*; accepted: a disk that nobody uses, or security.accept_disk_in_use: true" "one that is in use"
		config "storage: {disk_image: $loop}" "security: {accept_disk_in_use: true}"
		dry
		says 1 "$loop is a disk of this computer; accepted: .*security.accept_host_files" "a disk of the computer's is told as such, too"
		config "storage: {disk_image: $loop}" "security: {accept_host_files: true, accept_disk_in_use: true}"
		dry
		says 0 "file=/dev/fdset/1" "both are accepted by both keys"
		kill $claimer
		config "storage: {disk_image: $dir/vms/a/disk.img}"
		losetup -d "$loop"
	else
		echo "# no loop device is to be had here"
	fi
	chmod 600 "$dir/vms/a/disk.img"
	dry
	says 0 "" "an image in the VM's folder is the VM's, whoever may read it"
fi
echo "1..$n"
exit $bad
