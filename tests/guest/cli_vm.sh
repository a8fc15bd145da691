#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu vm run, vm list, audit, info and qwamos-vm start, stop, list, as people use them.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
bochs=$(lab-dev bochs)
vga=$(lab-dev vga-a)
pair=$(lab-dev pair-vga)
edu=$(lab-dev pair-edu)

driver()
{
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null
}

# soon COMMAND...: within 20 s
soon()
{
	local i
	for ((i = 0; i < 200; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

no_cgroup()
{
	[ ! -e "/sys/fs/cgroup/qwamos/$1" ]
}

vm_run()
{
	qwamos-gpu vm run --as-root "$@"
}

echo "TAP version 13"

# What is wrong is told, and nothing is made.
run qwamos-gpu info --json
check "info --json is JSON and knows the module" json "$dir/out" 'd["version"] == 1 and "passthrough" in d["capabilities"] and d["vms"] == 0'
run qwamos-gpu audit --limit 65536 --event VM_CREATED
before=$(wc -l <"$dir/out")
run vm_run a --level root -- true
says 125 "'root' found, untrusted, low, medium, high or system accepted" "an unknown level is refused"
run vm_run a -- true
says 125 "no --level" "no level is refused"
run vm_run a --level system
says 125 "no COMMAND" "no command is refused"
run vm_run --level system
says 125 "no NAME" "no name is refused"
run vm_run a/b --level system -- true
says 125 "'a/b' can't be a VM's name" "a bad name is refused"
run vm_run .. --level system -- true
says 125 "'\.\.' can't be a VM's name" "a name that is another directory is refused"
run vm_run a --level system --device gpu0 -- true
says 125 "'gpu0' found, an address such as" "a bad address is refused"
run vm_run a --level system --scrub best -- true
says 125 "'best' found, bar, full or none accepted" "a bad scrub is refused"
run vm_run a --level system --nonsense -- true
says 125 "nonsense" "an unknown option is refused"
run qwamos-gpu audit --limit 65536 --event VM_CREATED
check "and no VM was made for any of these" test "$(wc -l <"$dir/out")" = "$before"
run vm_run a --level system --device 0000:77:00.0 -- touch "$dir/ran"
says 125 "0000:77:00.0 can't be given to VM a: NO_DEVICE" "a device that is not there is refused"
check "COMMAND did not run" test ! -e "$dir/ran"
check "no cgroup is left" no_cgroup a

# What COMMAND gets, and what it does not.
run vm_run a --level low -- true
says 0 "" "status 0 comes through"
run vm_run a --level low -- sh -c 'exit 7'
says 7 "" "status 7 comes through"
run vm_run a --level low -- sh -c 'kill -9 $$'
says 137 "" "a signal comes through as 128 + its number"
run vm_run a --level low -- /nonexistent
says 127 "/nonexistent: No such file" "127: not found"
run vm_run a --level low -- /etc/passwd
says 126 "/etc/passwd: Permission denied" "126: can't be executed"
cat >"$dir/look.py" <<'END'
import fcntl, os, sys
fds = {int(f): os.readlink("/proc/self/fd/" + f) for f in os.listdir("/proc/self/fd")
       if os.path.exists("/proc/self/fd/" + f) or os.path.islink("/proc/self/fd/" + f)}
use = int(os.environ["QWAMOS_GPU_VM_FD"])
more = sorted(k for k, v in fds.items() if k > 2 and not v.startswith("/proc/"))
assert more == [use], fds
assert fds[use] == "anon_inode:[qwamos-gpu-use]", fds
assert not fcntl.fcntl(use, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
with open("/proc/self/cgroup") as f:
    assert f.read().strip() == "0::/qwamos/a/vm"
END
run vm_run a --level low -- python3 "$dir/look.py" 7</etc/passwd 8>"$dir/eight"
says 0 "" "COMMAND has 0, 1, 2 and the use fd, and stands in its cgroup"
run vm_run a --level low -- qwamos-gpu vm list
says 1 "a VM manages none" "a VM's process can't list VMs"
run vm_run a --level low -- qwamos-gpu vm run b --as-root --level system -- true
says 125 "VM_MEMBER" "nor make one"
run vm_run a --level low -- sh -c 'ulimit -l; trap "exit 3" TERM; kill -TERM $$; sleep 5'
says 3 "" "COMMAND's signals are not blocked"
run sh -c 'trap "" HUP; exec qwamos-gpu vm run a --as-root --level low -- sh -c "kill -HUP \$\$; exit 4"'
says 4 "" "nor those that were ignored made deadly"

# Devices: levels, binding.
for level in untrusted low medium high; do
	run vm_run a --level $level --device "$bochs" -- touch "$dir/ran"
	says 125 "LEVEL" "the level $level is refused a GPU"
done
check "COMMAND did not run" test ! -e "$dir/ran"
check "and the GPU stays on its driver" test "$(driver "$bochs")" = bochs-drm
run vm_run a --level system --device "$bochs" --no-bind -- true
says 125 "NOT_BOUND" "--no-bind: a GPU on another driver is refused"
check "and stays there" test "$(driver "$bochs")" = bochs-drm
run vm_run a --level system --device "${bochs#0000:}" -- readlink "/sys/bus/pci/devices/$bochs/driver"
says 0 "qwamos_vfio_pci" "it is bound for the VM"
check "and goes back to its driver" test "$(driver "$bochs")" = bochs-drm
run vm_run a --level system --device "$bochs" -- /nonexistent
says 127 "" "COMMAND is not found, but the GPU was bound"
check "it goes back to its driver" test "$(driver "$bochs")" = bochs-drm
run qwamos-vfio bind "$bochs"
says 0 "" "bound by hand"
run vm_run a --level system --device "$bochs" -- true
says 0 "" "a VM uses it"
check "what was bound before stays bound" test "$(driver "$bochs")" = qwamos_vfio_pci
run vm_run a --level system --device "$pair" -- true
says 125 "$edu" "a companion is not taken without --yes, and named"
check "and nothing else is said" test "$(wc -l <"$dir/out")" -le 3
check "and stays where it was" test "$(driver "$edu")" != qwamos_vfio_pci
run vm_run a --level system --device "$pair" --yes -- true
says 125 "SCRUB: .*gpu.accept_unwiped.*in the way: $edu" "nor one that nobody knows how to wipe, without --accept-unwiped"
run vm_run a --level system --device "$pair" --yes --accept-unwiped -- sh -c "readlink /sys/bus/pci/devices/$edu/driver; sleep 2" &
soon sh -c "qwamos-gpu vm list --json | python3 -c 'import json,sys; sys.exit(not any(v[\"name\"] == \"a\" and v[\"devices\"] == 2 for v in json.load(sys.stdin)))'" &&
	ok "with --yes the VM has the whole group" || not_ok "with --yes the VM has the whole group" "$(qwamos-gpu vm list)"
wait
check "the companion was bound for it" grep -q qwamos_vfio_pci "$dir/out"
check "and goes back" test "$(driver "$edu")" != qwamos_vfio_pci
check "with the GPU" test "$(driver "$pair")" = bochs-drm

# Two VMs.
qwamos-gpu vm run a --as-root --level system --device "$bochs" --quiet -- sleep 1000 &
a=$!
soon sh -c "qwamos-gpu vm list | grep -q '^[0-9]* *a '" && ok "VM a runs" || not_ok "VM a runs"
run vm_run b --level system --device "$bochs" -- true
says 125 "OTHER_OWNER.*$bochs.*VM a" "the GPU of VM a is refused to VM b, and both are named"
run vm_run a --level low -- true
says 125 "VM a is running already \(its supervisor is process $a\)" "a second VM a is refused"
run qwamos-vm list --json
check "qwamos-vm list knows VM a" json "$dir/out" "[(v['name'], v['state'], v['supervisor']) for v in d] == [('a', 'running', $a)]"
run qwamos-vm stop a
says 0 "" "qwamos-vm stop ends it"
wait $a
check "its status is that of the signal" test $? = 143
run qwamos-vm list
says 0 "no VMs" "no VM is left"

# Whatever COMMAND leaves is killed.
run vm_run a --level system --device "$bochs" -- bash -c \
	'mkdir /sys/fs/cgroup/qwamos/a/vm/x /sys/fs/cgroup/qwamos/a/vm/x/y; (echo $BASHPID >/sys/fs/cgroup/qwamos/a/vm/x/y/cgroup.procs; setsid sleep 4321 & ); setsid sleep 4321 & sleep 0.2'
says 0 "" "COMMAND leaves processes and cgroups"
check "none of the processes is left" sh -c '! pgrep -f "^sleep 4321"'
check "nor a cgroup" no_cgroup a

# The supervisor is killed: the kernel ends the VM, the next run puts the rest back.
qwamos-gpu vm run a --as-root --level system --device "$vga" --quiet -- sleep 4321 &
a=$!
soon pgrep -f "^sleep 4321" || not_ok "VM a runs"
kill -9 $a
wait $a 2>/dev/null
soon sh -c '! pgrep -f "^sleep 4321"' && ok "the supervisor is killed: so is COMMAND" || not_ok "the supervisor is killed: so is COMMAND"
soon sh -c 'qwamos-gpu vm list | grep -q "^no VMs"' && ok "the VM is over" || not_ok "the VM is over" "$(qwamos-gpu vm list)"
run qwamos-vm list
says 0 "a +left over +$a" "qwamos-vm list tells what is left over"
run qwamos-vm stop a
says 1 "supervisor of VM a is gone" "there is nothing to stop"
check "the GPU is still on our driver" test "$(driver "$vga")" = qwamos_vfio_pci
run vm_run b --level low -- true
says 0 "putting back what VM a has left" "the next run of any VM puts it back"
check "the GPU is on its driver again" test "$(driver "$vga")" = bochs-drm
check "no cgroup is left" no_cgroup a
run qwamos-vm list
says 0 "no VMs" "and nothing is left over"

# Damaged records are set aside, and what their names tell of is put back.
records=/run/qwamos-gpu/vm
echo null >$records/dam.json
mkfifo $records/pipe.json
mkdir -p /sys/fs/cgroup/qwamos/dam
run qwamos-vm list
says 0 "dam +damaged record" "a damaged record is told by its name"
run vm_run b --level low -- true
says 0 "the record of VM dam was damaged \(not a JSON object\): it is set aside as $records/dam.damaged" "the next run sets it aside"
check "and one that is no file" grep -q "the record of VM pipe was damaged (no regular file): it is set aside as $records/pipe.damaged" "$dir/out"
check "no cgroup is left" no_cgroup dam
run qwamos-vm list
says 0 "no VMs" "and no record"
rm $records/dam.damaged $records/pipe.damaged
echo null >$records/a.json
run vm_run a --level low -- true
says 0 "it is set aside as $records/a.damaged" "nor does it keep a VM of that name from being started"
rm $records/a.damaged

# The audit log.
run qwamos-gpu audit --vm nobody
says 0 "" "audit of an unknown VM"
check "is empty" test ! -s "$dir/out"
run qwamos-gpu audit --vm a --event operation_denied --limit 1000
says 0 "a OPERATION_DENIED: passthrough, not allowed at MEDIUM, $bochs" "a refusal stands in the log, with the level"
check "and nothing of other VMs or events" sh -c "! grep -v ' a OPERATION_DENIED:' $dir/out"
run qwamos-gpu audit --limit 2
check "--limit 2: two lines" test "$(wc -l <"$dir/out")" = 2
run qwamos-gpu audit --limit 0
says 2 "'0' found, a number from 1 to 65536 accepted" "--limit 0 is refused"
run qwamos-gpu audit --limit 1x
says 2 "'1x' found" "--limit 1x is refused"
run qwamos-gpu audit --event NOTHING
says 2 "'NOTHING' found, one of POLICY_CREATED, POLICY_CHANGED, .* accepted" "an unknown event is refused"
printf '#!/bin/sh\nexec sleep 0\n' >"$dir/$(printf 'x\033[2Jy')"
chmod +x "$dir"/x*
run vm_run esc --level low -- python3 -c '
import ctypes, fcntl, os
ctypes.CDLL(None).prctl(15, b"x\x1b[2J\ny", 0, 0, 0)
import subprocess
os.open("/dev/qwamos_gpu", os.O_RDWR)
fcntl.ioctl(3, 0xb903, bytearray(b"\x30" + b"\0" * 47))'
run qwamos-gpu audit --vm esc
check "no control character of a VMM's gets out of the log" sh -c "grep -q 'x?\[2J?y' $dir/out && ! grep -q \$'\\033' $dir/out"
run qwamos-gpu audit --json --limit 1000
check "--json is JSON, with chain, seq, time, hash" json "$dir/out" 'len(d) > 50 and all(r["seq"] > 0 and len(r["hash"]) == 64 and r["time"] for r in d)'

# qwamos-vm start.
cat >"$dir/vm.yaml" <<END
vm: {name: v}
machine: {type: q35, accel: tcg}
hardware: {cpu: {model: qemu64}, memory: {size: 64}}
gpu:
  enabled: true
  access_mode: passthrough
  trust_level: system
  device: $bochs
END
run qwamos-vm start "$dir/nothing.yaml"
says 1 "nothing.yaml: No such file" "a config that is not there is refused"
sed 's/passthrough/pasthrough/' "$dir/vm.yaml" >"$dir/bad.yaml"
run qwamos-vm start "$dir/bad.yaml"
says 1 "bad.yaml:6:16: error: gpu.access_mode: 'pasthrough' found; accepted: virtio, passthrough" "a wrong value is told with its place"
{ cat "$dir/vm.yaml"; echo 'network: {mode: bridge, bridge: br0}'; } >"$dir/bad.yaml"
run qwamos-vm start "$dir/bad.yaml"
says 1 "bad.yaml:9:33: error: network.bridge: there is no bridge br0 on this computer" "a bridge that is not there is refused"
{ cat "$dir/vm.yaml"; echo 'qemu_extra_args: ["-device", "vfio-pci,host=00:02.0"]'; } >"$dir/bad.yaml"
run qwamos-vm start "$dir/bad.yaml"
says 1 "bad.yaml:9:30: error: qemu_extra_args: 'vfio-pci,host=00:02.0' found; not accepted" "an argument that adds a device is refused"
{ cat "$dir/vm.yaml"; echo 'security: {memory_wipe: true}'; } >"$dir/strict.yaml"
run qwamos-vm start "$dir/strict.yaml" --strict
says 1 "warning: security.memory_wipe.*" "--strict refuses what is not carried out"
run qwamos-vm start "$dir/vm.yaml" --json
says 2 "--json is for --dry-run" "--json alone is refused"
grep -v device: "$dir/vm.yaml" >"$dir/any.yaml"
run qwamos-vm start "$dir/any.yaml" --dry-run
says 1 "several GPUs are free:.*$bochs.*$vga" "no device, but several free GPUs: they are listed"
sed "s/$bochs/0000:77:00.0/" "$dir/vm.yaml" >"$dir/bad.yaml"
run qwamos-vm start "$dir/bad.yaml" --dry-run
says 1 "0000:77:00.0: no such device" "a device that is not there is refused"
sed "s/$bochs/$pair/" "$dir/vm.yaml" >"$dir/pair.yaml"
run qwamos-vm start "$dir/pair.yaml" --dry-run --yes --json
check "--dry-run --json names the whole group" json "$dir/out" "d['devices'] == ['$pair', '$edu']"
check "and QEMU's arguments have it" json "$dir/out" "[a.split(',')[1] for a in d['qemu'] if a.startswith('vfio-pci,')] == ['host=$pair', 'host=$edu']"
check "--dry-run has touched nothing" test "$(driver "$pair")" = bochs-drm
sed "s/system/high/" "$dir/vm.yaml" >"$dir/high.yaml"
run qwamos-vm start "$dir/high.yaml" --dry-run --json
says 0 "passthrough can't be had: only the trust level system allows it; falls back to virtio" "the level high gets virtio instead of passthrough"
check "and no device" sh -c "! grep -q 'vfio-pci,' '$dir/out'"
echo '  fallback: false' >>"$dir/high.yaml"
run qwamos-vm start "$dir/high.yaml"
says 1 "passthrough can't be had: only the trust level system allows it; and 'fallback' is false" "fallback: false: it is refused"
qvm=$(command -v qwamos-vm)
PATH=/nonexistent run "$qvm" start "$dir/vm.yaml"
says 1 "qemu-system-x86_64 is not installed" "a QEMU that is not installed is told"

# vm_up: starts it; true once QEMU answers
vm_up()
{
	qwamos-vm start "$dir/vm.yaml" --foreground --serial "$dir/serial" "$@" >"$dir/vm.log" 2>&1 &
	vm=$!
	soon grep -q "VM v runs" "$dir/vm.log"
}

vmm()
{
	qwamos-gpu vm list | awk '$2 == "v" { print $NF }'
}

check "start: QEMU runs" vm_up
run qwamos-gpu vm list
says 0 "v +system +live +1 +1" "and has its device open"
q=$(vmm)
check "in its cgroup" grep -q qwamos/v "/proc/$q/cgroup"
check "with no manage fd, control fd or lock of its supervisor's" sh -c "! ls -l /proc/$q/fd | grep -E 'qwamos-gpu-manage|/dev/qwamos_gpu|qwamos-gpu/vm'"
check "and memory may be locked for DMA, but not without a limit" grep -qE "Max locked memory +1140850688 " "/proc/$q/limits"
run qwamos-vm start "$dir/vm.yaml"
says 1 "VM v is running already" "a second start is refused"
run qwamos-vm stop v --now
says 0 "" "stop --now"
wait $vm
check "the supervisor ends well" test $? = 0
check "QEMU is gone" test ! -e "/proc/$q"
check "no cgroup is left" no_cgroup v

check "start again" vm_up
kill -9 "$(vmm)"
wait $vm
check "QEMU is killed: the status says so" test $? = 137
check "and the log" grep -q "QEMU of VM v was killed by signal 9" "$dir/vm.log"
run qwamos-vfio list
says 0 "$bochs +qwamos_vfio_pci +[0-9]+ +free" "the device is free again"

check "start again, to be stopped by time" vm_up --grace 1
run qwamos-vm stop v
says 0 "" "stop: a guest that does not power off is switched off after its grace"
wait $vm
check "the supervisor ends well" test $? = 0
check "it has asked first" grep -q "asking VM v to power off" "$dir/vm.log"

check "start again, to lose its supervisor" vm_up
q=$(vmm)
kill -9 $vm
wait $vm 2>/dev/null
soon test ! -e "/proc/$q" && ok "the supervisor is killed: so is QEMU" || not_ok "the supervisor is killed: so is QEMU"
check "and it can be started again at once" vm_up
check "after the rest was put back" grep -q "putting back what VM v has left" "$dir/vm.log"
run qwamos-vm stop v --now
says 0 "" "stop"
wait $vm

# Behind a guest's IOMMU: a GPU by itself; not with others of its group.
cp "$dir/vm.yaml" "$dir/plain.yaml"
echo 'security: {smmu: true}' >>"$dir/vm.yaml"
check "[smmu, one device] start" vm_up
q=$(vmm)
check "with an IOMMU" sh -c "tr '\\0' '\\n' </proc/$q/cmdline | grep -q '^intel-iommu'"
run qwamos-gpu vm list
says 0 "v +system +live +1 +1" "and the device"
run qwamos-vm stop v --now
wait $vm
sed -i "s/$bochs/$pair/" "$dir/vm.yaml"
sed -i 's/^  device: .*/&\n  accept_unwiped: true/' "$dir/vm.yaml"
check "[smmu, two devices of one group] start" vm_up --yes
check "and tells that there is no IOMMU for them" grep -q "security.smmu: not carried out: QEMU's IOMMU can't be used with several devices of one IOMMU group" "$dir/vm.log"
run qwamos-gpu vm list
says 0 "v +system +live +2 +2" "with both"
run qwamos-vm stop v --now
wait $vm
run qwamos-vm start "$dir/vm.yaml" --yes --strict
says 1 "several devices of one IOMMU group" "[smmu, two devices of one group] --strict refuses"
sed -i "s/$pair/$bochs, $vga/" "$dir/vm.yaml"
sed -i "s/device: \(.*\)/device: [\1]/" "$dir/vm.yaml"
check "[smmu, two groups] start" vm_up
check "memory may be locked for each" grep -qE "Max locked memory +1207959552 " "/proc/$(vmm)/limits"
run qwamos-vm stop v --now
wait $vm
mv "$dir/plain.yaml" "$dir/vm.yaml"

# The kernel refuses: another VM has it.
qwamos-gpu vm run a --as-root --level system --device "$bochs" --quiet -- sleep 1000 &
a=$!
soon sh -c "qwamos-gpu vm list | grep -q '^[0-9]* *a '" || not_ok "VM a runs"
{ cat "$dir/vm.yaml"; echo '  fallback: false'; } >"$dir/no.yaml"
run qwamos-vm start "$dir/no.yaml"
says 1 "OTHER_OWNER.*VM a" "start, fallback: false: the GPU of another VM is refused, by name"
check "[passthrough falls back] start" vm_up
check "and tells why" grep -q "passthrough can't be had: .*OTHER_OWNER.*VM a.*; falls back to virtio" "$dir/vm.log"
run qwamos-gpu vm list
says 0 "v +system +live +0 +0" "and has no device"
run qwamos-vm stop v --now
says 0 "" "stop"
wait $vm
run qwamos-vm stop a
wait $a

# Without a device: virtio after a fallback, and a VM without any GPU.
sed "/device:/d; s/system/medium/" "$dir/vm.yaml" >"$dir/virtio.yaml"
cp "$dir/vm.yaml" "$dir/keep.yaml"
cp "$dir/virtio.yaml" "$dir/vm.yaml"
check "start: virtio runs" vm_up
run qwamos-gpu vm list
says 0 "v +medium +live +0 +0" "and has no device"
check "QEMU has the adapter, and its quota" sh -c "tr '\\0' '\\n' </proc/$(vmm)/cmdline | grep -q '^virtio-gpu-pci,.*max_hostmem=536870912'"
run qwamos-gpu audit --vm v --event MODE_FALLBACK
says 0 "v MODE_FALLBACK: .*passthrough.*virtio" "the fallback is in the audit log"
run qwamos-vm stop v --now
says 0 "" "stop"
wait $vm
sed '/^gpu:/,$d' "$dir/keep.yaml" >"$dir/vm.yaml"
check "[a VM without a GPU section] runs" vm_up
run qwamos-gpu vm list
says 0 "v +none +live +0 +0" "and has no policy"
check "nor an adapter" sh -c "! tr '\\0' '\\n' </proc/$(vmm)/cmdline | grep -E '^(virtio-gpu|VGA|vfio)'"
run qwamos-vm stop v --now
says 0 "" "stop"
wait $vm
cp "$dir/keep.yaml" "$dir/vm.yaml"
run qwamos-vfio unbind "$bochs"
says 0 "" "the GPU is given back"
check "and on its driver" test "$(driver "$bochs")" = bochs-drm
echo "1..$n"
