#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-vm status, info, list, set and stop of VMs that run, as people use them; each fact against
# what the kernel and /proc tell. Of VMs that don't: tests/e2e/vms.sh.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/gpu.sh
. "$(dirname "$0")/../lib/gpu.sh"
bochs=$(lab-dev bochs)
export QWAMOS_VMS_DIR=$dir/vms

# put NAME: a VM of that folder, with its gpu section from stdin
put()
{
	mkdir -p "$dir/vms/$1"
	{
		echo "vm: {name: $1, type: test, description: the VM $1}"
		echo "machine: {type: q35, accel: tcg}"
		echo "hardware: {cpu: {model: qemu64, cores: 2}, memory: {size: 64}}"
		echo "autostart: true"
		cat
	} >"$dir/vms/$1/config.yaml"
}

# up NAME [OPTION]...: starts it; true once QEMU answers. $vm is its supervisor.
up()
{
	local name=$1
	shift
	qwamos-vm start "$dir/vms/$name/config.yaml" --foreground --serial "$dir/serial" "$@" >"$dir/$name.log" 2>&1 &
	vm=$!
	soon grep -q "VM $name runs" "$dir/$name.log"
}

down()
{
	qwamos-vm stop "$1" --now || not_ok "VM $1 ends"
	wait $vm
}

# kernel NAME EXPRESSION: of what the kernel tells of the VM
kernel()
{
	qwamos-gpu vm show "$1" --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$2"
}

# facts NAME: all that set can change
facts()
{
	kernel "$1" '[d[k] for k in ("level", "priority", "no_vulkan", "no_compute", "mode")] + [d["vram"]["limit_bytes"], d["compute"], [(g["address"], g["guarantee_percent"]) for g in d["gpus"] if g["guarantee_percent"]]]'
}

# said PATTERN NAME: a line of what the last run printed
said()
{
	if grep -qE -- "^$1\$" "$dir/out"; then ok "$2"; else not_ok "$2" "no line '$1':" "$(cat "$dir/out")"; fi
}

echo "TAP version 13"
put v <<'END'
gpu: {enabled: true, access_mode: virtio, trust_level: medium, vram_limit_mb: 512, priority: 75}
END
put w <<'END'
gpu: {enabled: true, access_mode: passthrough, trust_level: medium, compute_share_percent: 20}
END
put pt <<END
gpu: {enabled: true, access_mode: passthrough, trust_level: system, device: "$bochs"}
END
put plain </dev/null

# Before: what a passthrough would get.
run qwamos-vm info pt
says 0 "^GPU: +PASSTHROUGH$" "info, stopped: passthrough"
said "  Device: +.+ \\(bochs-drm\\) $bochs" "its GPU, on the host's driver"
said "  VRAM: +all of the GPU's, which is given whole" "which is given whole"
said "  Level: +system, 100 % of GPU time, priority 50, 0 denied" "and its level"
check "the GPU stays where it was" test "$(basename "$(readlink "/sys/bus/pci/devices/$bochs/driver")")" = bochs-drm

# One that runs.
check "VM v is started" up v
run qwamos-vm list
says 0 "^v +running +$vm +test +the VM v$" "list: what runs, with its supervisor"
said "w +stopped +- +test +the VM w" "among those that are stopped"
run qwamos-vm status v
says 0 "^VM: +v, running$" "status: 0 for a VM that runs"
said "  Config: +$dir/vms/v/config.yaml" "its config"
said "  Supervisor: +process $vm" "its supervisor"
said "  Kernel: +VM $(kernel v 'd["id"]'), live" "its id in the kernel"
q=$(kernel v 'd["pid"]')
said "  QEMU: +process $q" "its QEMU"
check "which is one" grep -q qemu-system-x86_64 "/proc/$q/cmdline"
said "  Up: +([0-9]+ min )?[0-9]+ s" "for how long"
said "GPU: +VIRTIO" "how it gets its graphics"
for limit in "  VRAM: +0 of 512 MiB .*" "  Vulkan: .*" "  GPU time: +at most 50 %, guaranteed 0 % " "  Rate: .*"; do
	said "$limit\\(.*enforced by: [a-z]+\\)|$limit.*enforced by: [a-z]+\\)" "each limit with who enforces it:${limit%%:*}"
done
said "  Level: +medium, 50 % of GPU time, priority 75, 0 denied" "its level"
run qwamos-vm status v --json
cp "$dir/out" "$dir/status"
check "status --json: the same" json "$dir/status" "(d['state'], d['supervisor'], d['qemu'], d['vm_id'], d['gpu']['level'], d['gpu']['vram']['limit_bytes']) == ('running', $vm, $q, $(kernel v 'd["id"]'), 'medium', 512 << 20)"
check "up for no longer than the computer" json "$dir/status" "0 <= d['uptime_s'] <= float(open('/proc/uptime').read().split()[0])"
check "all of gpu vm show is in it" json "$dir/status" "all(k in d['gpu'] for k in $(kernel v 'list(d)'))"
cg=/sys/fs/cgroup/qwamos/v/vm
check "its cgroup" json "$dir/status" "d['cgroup']['path'] == '$cg'"
for pair in memory.current:memory_bytes memory.max:memory_max_bytes memory.peak:memory_peak_bytes pids.current:pids pids.max:pids_max; do
	file=$cg/${pair%:*} key=${pair#*:}
	if [ -e "$file" ]; then
		check "$key is what the cgroup tells" json "$dir/status" "d['cgroup']['$key'] == 'max' if open('$file').read().strip() == 'max' else d['cgroup']['$key'] > 0"
	else
		check "$key is unknown without the controller" json "$dir/status" "d['cgroup']['$key'] is None"
	fi
done

# info, in the form that users know.
qwamos-gpu charge --vm v 37 >"$dir/hold" 2>&1 &
held=$!
soon grep -q charged "$dir/hold" || not_ok "37 MiB are charged"
run qwamos-vm info v
says 0 "^VM: +v, running$" "info of a VM that runs"
for line in "Type: +test" "Description: +the VM v" "CPU: +2 cores \\(qemu64\\)" "Memory: +64 MiB" "Disk: +none" \
	"Network: +airgapped" "Autostart: +yes.*" "Acceleration: +tcg" "GPU: +VIRTIO" "  VRAM: +37 of 512 MiB" \
	"  Device: +none: 2D only, no 3D: its QEMU was started without" "  Vulkan: +none: there is no 3D" \
	"  OpenGL: +none: there is no 3D" "  Level: +medium, 50 % of GPU time, priority 75, 0 denied"; do
	said "$line" "info: ${line%%: *}"
done
check "no word of a changed config" sh -c "! grep -q 'config was changed' '$dir/out'"
kill $held
wait $held 2>/dev/null
run qwamos-gpu check --vm v passthrough
run qwamos-vm info v
said "  Level: +medium, 50 % of GPU time, priority 75, 1 denied" "info: a refusal is counted"
run qwamos-vm info v --json
check "info --json: the same" json "$dir/out" "(d['state'], d['cpu'], d['memory']['mib'], d['autostart'], d['acceleration']['got'], d['gpu']['mode']['got'], d['gpu']['denied'], d['gpu']['device'], d['gpu']['vulkan']['state']) == ('running', {'cores': 2, 'model': 'qemu64'}, 64, True, 'tcg', 'virtio', 1, None, 'none')"
touch -d '+1 hour' "$dir/vms/v/config.yaml"
run qwamos-vm info v
check "nor of one that was only touched" sh -c "! grep -q 'config was changed' '$dir/out'"
echo '# another byte' >>"$dir/vms/v/config.yaml"
touch -d '-1 hour' "$dir/vms/v/config.yaml"
run qwamos-vm info v
said "Note: +the config was changed since the VM was started, .*" "info: a config that was changed since is told"
cp "$(command -v qwamos-vm)" "$dir/qwamos-vm"
chmod -R a+rX "$dir"
run setpriv --reuid=65534 --clear-groups "$(command -v qwamos-vm)" status v
says 1 "^  Note: +whether it runs is not known: /run/qwamos-gpu/vm, which is told to root alone" "status: to who may not look into the records, that is told"
run setpriv --reuid=65534 --clear-groups "$(command -v qwamos-vm)" info v
says 0 "^  VRAM: +unknown" "info: and nothing is guessed"

# set: each key by itself, and nothing else changes.
before=$(facts v)
# sets WORD FACTS NAME: FACTS is how the facts change, in Python: d is the list
sets()
{
	local want
	want=$(python3 -c 'import sys; d = eval(sys.argv[1]); exec(sys.argv[2]); print(d)' "$before" "$2")
	run qwamos-vm set v $1
	silent "set $1"
	if [ "$(facts v)" = "$want" ]; then ok "$3"; else not_ok "$3" "$(facts v)" "expected: $want"; fi
	before=$want
}
sets vram=200 'd[5] = 200 << 20' "the VRAM alone has changed"
sets cap=40 'd[6]["cap_percent"] = 40' "the cap alone has changed"
sets priority=10 'd[1] = 10' "the priority alone has changed"
sets guarantee=15 'd[6]["guarantee_percent"] = 15' "the guarantee alone has changed"
sets guarantee=0 'd[6]["guarantee_percent"] = 0' "and back"
sets "guarantee=5 device=$bochs" "d[6]['guarantee_percent'] = 5; d[7] = [('$bochs', 5)]" "the guarantee on a GPU"
sets "guarantee=0 device=$bochs" "d[6]['guarantee_percent'] = 0; d[7] = []" "and back"
sets vulkan=off 'd[2] = True' "Vulkan alone is off"
sets compute=off 'd[3] = True' "compute, too; Vulkan stays off"
sets vulkan=on 'd[2] = False' "Vulkan is on again; compute stays off"
sets "compute=on vram=512 cap=50 priority=75" 'd[3] = False; d[5] = 512 << 20; d[6]["cap_percent"] = 50; d[1] = 75' "several at once"
run qwamos-vm set "$dir/vms/v/config.yaml" priority=76
silent "set takes a path, too"
check "and has done it" test "$(kernel v 'd["priority"]')" = 76
qwamos-vm set v priority=75

# What is refused changes nothing.
before=$(facts v)
# refused STATUS PATTERN WORD...
refused()
{
	local s=$1 pattern=$2
	shift 2
	run qwamos-vm set v "$@"
	says "$s" "$pattern" "set $*: refused"
	check "and nothing has changed" test "$(facts v)" = "$before"
}
refused 1 "vram 513: level medium allows at most 512 MiB" vram=513
refused 1 "cap 51: level medium allows at most 50 % of GPU time" cap=51
refused 1 "guarantee 51: at most the VM's cap is accepted, which is 50 %" guarantee=51
refused 1 "vram 513: level medium" priority=1 vram=513
refused 1 "vram 200: level untrusted allows at most 128 MiB" level=untrusted vram=200
refused 1 "device: there is no GPU 0000:77:00.0" guarantee=1 device=0000:77:00.0
refused 1 "device: 'gpu0' found, an address such as" guarantee=1 device=gpu0
refused 2 "cap: '101' found" priority=1 cap=101
refused 2 "'speed=1' found; accepted:" priority=1 speed=1
vm_up a system --guarantee 95
refused 1 "guarantee 10: 95 of 100 % are guaranteed to other VMs already" guarantee=10
run setpriv --reuid=65534 --clear-groups "$(command -v qwamos-vm)" set v priority=1
says 1 "/dev/qwamos_gpu: Permission denied; be root, or in the group qwamos" "set by who may not"
check "and nothing has changed" test "$(facts v)" = "$before"
run qwamos-vm set w priority=1
says 1 "VM w does not run \(stopped\): nothing is changed" "set of a stopped VM"
qwamos-gpu charge --vm v 300 >"$dir/hold" 2>&1 &
held=$!
soon grep -q charged "$dir/hold" || not_ok "300 MiB are charged"
run qwamos-vm set v vram=200
says 0 "VM v uses 300 MiB of VRAM, the limit is 200 MiB: it keeps them, and gets no more" "set below what is in use: holds, and is told"
kill $held
wait $held 2>/dev/null
run qwamos-vm set v level=low
silent "set level=low"
check "the level's limits hold" test "$(kernel v '[d["level"], d["vram"]["limit_bytes"] >> 20, d["compute"]["cap_percent"]]')" = "['low', 200, 25]"
run qwamos-vm info v
said "  Level: +low, 25 % of GPU time, priority 75, [0-9]+ denied" "and info tells them"

# A VM without a config: qwamos-gpu vm run.
run qwamos-vm status a
says 0 "^VM: +a, running$" "status of a VM of qwamos-gpu vm run"
run qwamos-vm info a
says 0 "^GPU: +unknown$" "info: how it gets its graphics, nobody has told"
check "and of its CPU neither" sh -c "! grep -qE '^(CPU|Config):' '$dir/out'"
run qwamos-vm set a priority=5
silent "set"
vm_down a

# stop, with progress on a terminal: a guest without a system powers off by force alone.
run qwamos-vm stop "$dir/vms/w/config.yaml"
says 1 "no VM w is running" "stop by the path of another VM"
check "v runs all the same" kill -0 $vm
down v
check "VM v is started again" up v --grace 3
cat >"$dir/on_terminal.py" <<'END'
import os, pty, sys
def read(fd):
    data = os.read(fd, 1024)
    with open(sys.argv[1], "ab") as f:
        f.write(data)
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[2:], read)))
END
run python3 "$dir/on_terminal.py" "$dir/screen" qwamos-vm stop "$dir/vms/v/config.yaml" </dev/null
check "stop by a path" test "$status" = 0
check "a wait of more than a second is told, and for what" grep -qE "stopping VM v: waiting until its guest has powered off \(1 s\)" "$dir/screen"
qwamos-vm stop v --now >/dev/null 2>&1
wait $vm
check "VM v is started again, to be stopped without a terminal" up v --grace 3
run qwamos-vm stop v
silent "stop, without a terminal"
wait $vm
run qwamos-vm status v
says 3 "^VM: +v, stopped$" "then it is stopped"

# Fallbacks, passthrough, and no GPU at all.
check "VM w is started" up w
run qwamos-vm info w
says 0 "^GPU: +VIRTIO +\(asked: passthrough; .+\)$" "info: the fallback, with the kernel's reason"
said "  Level: +medium, 20 % of GPU time, priority 50, 0 denied" "and its limits"
down w
check "VM pt is started" up pt
run qwamos-vm info pt
says 0 "^GPU: +PASSTHROUGH$" "info: passthrough"
said "  Device: +.+ \\(qwamos_vfio_pci\\) $bochs" "its GPU"
said "  Vulkan: +unknown: the guest's driver tells" "of which the guest's driver knows the rest"
run qwamos-vm status pt
said "  Device: +$bochs" "status: its devices"
said "  VRAM: .*enforced by: vfio\\)" "whose limits are VFIO's"
kill -9 $vm
wait $vm 2>/dev/null
run qwamos-vm status pt
says 3 "^VM: +pt, left over$" "status: left over, once its supervisor is killed"
run qwamos-vm list
said "pt +left over +$vm +test +the VM pt" "list: so it is"
run qwamos-vm set pt priority=1
says 1 "does not run \(left over\)" "set: it does not run"
check "VM plain is started" up plain
run qwamos-vm info plain
says 0 "^GPU: +NONE$" "info: no gpu section"
said "  Level: +none: the VM has no policy, 0 denied" "and no policy"
down plain
# The three recommended configs, as they are.
while read -r name mode vram level priority; do
	install -m 644 "$(dirname "$0")/../data/qemu/configs/$name.yaml" "$dir"
	run qwamos-vm start "$dir/$name.yaml"
	says 0 "VM $name runs" "the config $name starts"
	check "[$name] as meant: $mode, $vram MiB, $level, priority $priority" test \
		"$(kernel "$name" '(d["mode"]["asked"], d["mode"]["got"], d["vram"]["limit_bytes"] >> 20, d["level"], d["priority"])')" = \
		"('$mode', '$mode', $vram, '$level', $priority)"
	check "[$name] and QEMU has its adapter, with as much" sh -c \
		"tr '\\0' '\\n' </proc/$(kernel "$name" 'd["pid"]')/cmdline | grep -qx 'virtio-gpu-pci,id=gpu0,max_outputs=1,max_hostmem=$((vram << 20))'"
	run qwamos-vm info "$name"
	says 0 "^GPU: +${mode^^}" "[$name] info tells so"
	run qwamos-vm stop "$name" --now
	says 0 "" "[$name] stop"
done <<END
development virtio 512 medium 50
media virtio 1024 high 90
untrusted software 128 untrusted 10
END
run qwamos-vm list
check "all are stopped at the end" test "$(grep -c ' stopped ' "$dir/out")" = 4
echo "1..$n"
exit $bad
