#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu charge, vm set, and the limits of vm run, as people use them. Names in brackets are
# those that users of the prototype know: its calls, and what its tests tested.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/gpu.sh
. "$(dirname "$0")/../lib/gpu.sh"
bochs=$(lab-dev bochs)

# used NAME MIB: does the VM use so much VRAM?
used()
{
	qwamos-gpu vm show "$1" --json >"$dir/used" && json "$dir/used" "d['vram']['used_bytes'] == $2 << 20"
}

# facts NAME: what vm set can change, to compare
facts()
{
	qwamos-gpu vm show "$1" --json | python3 -c 'import json, sys
d = json.load(sys.stdin)
print([d[k] for k in ("level", "vram", "compute", "priority", "no_vulkan", "no_compute", "mode", "gpus")])'
}

# hold ARGUMENT...: a charge that is held, until it is killed; $held is its process
hold()
{
	qwamos-gpu charge "$@" >"$dir/hold" 2>&1 &
	held=$!
	soon grep -q . "$dir/hold" || not_ok "charge $*"
}

echo "TAP version 13"

# Numbers that are none, and who is meant.
vm_up a high
run qwamos-gpu charge --vm a
says 2 "charge: needs a number of MIB" "charge of nothing"
for mib in 0 -1 1x 1.5 "" 17592186044416; do
	run qwamos-gpu charge --vm a -- "$mib"
	says 2 "charge: MIB: '$mib' found, a number from 1 to 17592186044415 accepted" "charge '$mib'"
done
run qwamos-gpu charge --vm a --json 1 -- true
says 2 "takes --json or a COMMAND, not both" "charge --json with a COMMAND"
run qwamos-gpu charge --vm nobody 1
says 1 "there is no VM 'nobody'" "charge to an unknown VM"
run qwamos-gpu charge --vm a/b 1
says 1 "'a/b' is no name of a VM: 1 to 63 of the characters" "charge to what is no name"
run qwamos-gpu charge 1
says 1 "this is no VM's process" "charge without a VM"
run qwamos-gpu charge 1 -- true
says 125 "this is no VM's process" "with a COMMAND: it is not run"
check "none of these has charged anything" used a 0

# [check_vram_quota, VRAM quota] Cumulative: of three times 1000 of 1024 MiB one passes.
hold --vm a 1000
check "the first passes, and says so" grep -qx "charged 1000 MiB: 1000 of 1024 MiB used" "$dir/hold"
for i in second third; do
	run qwamos-gpu charge --vm a 1000
	says 1 "^qwamos-gpu: VRAM_QUOTA_EXCEEDED: requested 1000 MiB, used 1000 MiB, limit 1024 MiB$" "[check_vram_quota] the $i is refused, with asked, used and limit"
done
run qwamos-gpu charge --vm a 1000 -- touch "$dir/ran"
says 125 "VRAM_QUOTA_EXCEEDED" "so is one with a COMMAND"
check "which does not run" test ! -e "$dir/ran"
run qwamos-gpu charge --vm a 24 -- true
silent "what is left can be charged"
run qwamos-gpu charge --vm a 25 -- true
says 125 "requested 25 MiB, used 1000 MiB, limit 1024 MiB" "and no more"
kill -9 $held
wait $held 2>/dev/null
check "kill -9 gives the charge back" used a 0
run qwamos-gpu charge --vm a --json 17592186044415
says 1 "requested 17592186044415 MiB, used 0 MiB, limit 1024 MiB" "the largest number does not wrap around"
run qwamos-gpu vm show a
says 0 "VRAM: +0 of 1024 MiB \(most so far: 1024 MiB; " "the high-water mark stays"
run qwamos-gpu audit --vm a --event VRAM_QUOTA_EXCEEDED
says 0 " a VRAM_QUOTA_EXCEEDED: requested 1000 MiB, used 1000 MiB, limit 1024 MiB" "[VRAM quota] the log has it"

# COMMAND, signals, the end of the VM.
run qwamos-gpu charge --vm a 100 -- qwamos-gpu vm show a --json
check "the charge is held while COMMAND runs" json "$dir/out" "d['vram']['used_bytes'] == 100 << 20"
check "and given back after it" used a 0
run qwamos-gpu charge --vm a 1 -- sh -c 'exit 7'
says 7 "" "COMMAND's status comes through"
run qwamos-gpu charge --vm a 1 -- sh -c 'kill -9 $$'
says 137 "" "and a signal as 128 + its number"
run qwamos-gpu charge --vm a 1 -- /nonexistent
says 127 "/nonexistent: No such file" "127: not found"
run qwamos-gpu charge --vm a 1 -- /etc/passwd
says 126 "/etc/passwd: Permission denied" "126: can't be executed"
qwamos-gpu charge --vm a 10 -- sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done' >"$dir/trap" &
held=$!
soon grep -q up "$dir/trap"
kill -TERM $held
wait $held
check "a signal goes to COMMAND, which ends as it likes" test $? = 9
check "and the charge ends with it" used a 0
hold --vm a --json 5
check "--json tells asked, used and limit" json "$dir/hold" \
	"d == {'charged_bytes': 5 << 20, 'used_bytes': 5 << 20, 'limit_bytes': 1024 << 20}"
kill -TERM $held
wait $held
check "without a COMMAND a signal ends it well" test $? = 0
check "and gives the charge back" used a 0
vm_up c low
hold --vm c 5
qwamos-vm stop c
wait $held
check "the end of the VM ends it, with status 1" test $? = 1
check "and says so" grep -q "the VM has ended, and the charge with it" "$dir/hold"

# The ends of the table, as limits.
vm_up u untrusted
hold --vm u 128
run qwamos-gpu charge --vm u 1
says 1 "VRAM_QUOTA_EXCEEDED: requested 1 MiB, used 128 MiB, limit 128 MiB" "[UNTRUSTED restricted] 128 MiB and no more"
run qwamos-gpu vm set u --cap 11
says 1 "level untrusted allows at most 10 %" "[UNTRUSTED restricted] 10 % and no more"
run qwamos-gpu check --vm u rendering_3d vulkan_compute compute_shader video_decode passthrough
check "[UNTRUSTED restricted] no Vulkan, nor anything but 2D" test "$(grep -c 'not allowed at UNTRUSTED$' "$dir/out")" = 5
kill $held
wait $held
qwamos-gpu vm set u --level system
hold --vm u 2048
check "[SYSTEM full] 2048 MiB" grep -qx "charged 2048 MiB: 2048 of 2048 MiB used" "$dir/hold"
run qwamos-gpu charge --vm u 1
says 1 "requested 1 MiB, used 2048 MiB, limit 2048 MiB" "and no more"
run qwamos-gpu vm set u --cap 100 --guarantee 100
silent "[SYSTEM full] all of a GPU's time"
run qwamos-gpu check --vm u rendering_2d rendering_3d compute_shader vulkan_compute video_decode video_encode passthrough \
	rendering_2d rendering_3d
check "[SYSTEM full] each operation, and again at once" test "$(grep -c '^OPERATION_ALLOWED: ' "$dir/out")" = 9
kill $held
wait $held
vm_down u

# In a VM's own process.
run qwamos-gpu vm run b --as-root --quiet --level low --vram 100 -- qwamos-gpu charge 101
says 1 "requested 101 MiB, used 0 MiB, limit 100 MiB" "a VM's process charges to its own VM"
# shellcheck disable=SC2016
run qwamos-gpu vm run b --as-root --quiet --level low -- sh -c 'qwamos-gpu charge 100 -- true; qwamos-gpu vm show --json'
check "and its charge is its own, not its parent's" json "$dir/out" \
	"d['vram']['used_bytes'] == 0 and d['vram']['high_bytes'] == 100 << 20"
run qwamos-gpu charge --vm a --device "$bochs" 10
says 1 "VM_CHARGE: no manager has given the VM this GPU" "a GPU that nobody has given it is not charged"
run qwamos-gpu vm set a --gpus "$bochs"
silent "vm set --gpus"
run qwamos-gpu charge --vm a --device "$bochs" 10 -- qwamos-gpu vm show a --json
check "a charge on a GPU is told by GPU" json "$dir/out" \
	"[(g['address'], g['vram_used_bytes']) for g in d['gpus']] == [('$bochs', 10 << 20)]"
run qwamos-gpu charge --vm a --device 0000:77:00.0 10
says 1 "--device: there is no GPU 0000:77:00.0" "a GPU that is not there"

# vm set: what is wrong is told, and changes nothing.
run qwamos-gpu vm set a --level medium
silent "vm set --level"
before=$(facts a)
# each: OPTIONS|STATUS|PATTERN
while IFS='|' read -r options wanted pattern; do
	# shellcheck disable=SC2086
	run qwamos-gpu vm set a $options
	says "$wanted" "$pattern" "vm set $options"
done <<'END'
|2|nothing to set; accepted: --level --vram
--level root|2|--level: 'root' found, untrusted, low, medium, high or system accepted
--vram lots|2|--vram: 'lots' found, a number from 0 to 17592186044415 accepted
--vram -1|2|--vram: '-1' found, a number from 0
--vram|2|--vram needs an argument
--vram 4096|1|^qwamos-gpu: --vram 4096: level medium allows at most 512 MiB$
--vram 513|1|--vram 513: level medium allows at most 512 MiB
--level low --vram 257|1|--vram 257: level low allows at most 256 MiB
--cap 101|2|--cap: '101' found, a number from 0 to 100 accepted
--cap 51|1|^qwamos-gpu: --cap 51: level medium allows at most 50 % of GPU time$
--guarantee 51|1|^qwamos-gpu: --guarantee 51: at most the VM's cap is accepted, which is 50 % of GPU time$
--cap 30 --guarantee 31|1|--guarantee 31: at most the VM's cap is accepted, which is 30 %
--priority 101|2|--priority: '101' found, a number from 0 to 100 accepted
--priority 10 --vram 4096|1|--vram 4096: level medium allows
--no-vulkan --vulkan|2|--no-vulkan and --vulkan: one of them is accepted
--no-compute --compute|2|--no-compute and --compute: one of them is accepted
--gpus 0000:77:00.0|1|--gpus: there is no GPU 0000:77:00.0
--gpus gpu0|1|--gpus: 'gpu0' found, an address such as
--gpus none,none|1|--gpus: 'none' found, an address such as
--device 0000:00:02.0|2|--device is for --guarantee
--guarantee 5 --device 0000:77:00.0|1|there is no GPU 0000:77:00.0
--mode windows|2|--mode: 'windows' found, virtio, passthrough, software or none accepted
--asked virtio|2|--asked is for --mode
--mode virtio --why BECAUSE|2|--why: 'BECAUSE' found, the name of a reason such as NO_IOMMU accepted
END
run qwamos-gpu vm set a --cap 90
says 1 "^qwamos-gpu: --cap 90: level medium allows at most 50 % of GPU time$" "[check_compute_quota] a share beyond the level's is refused"
run qwamos-gpu vm set
says 2 "vm set: needs one NAME or ID" "vm set of nothing"
run qwamos-gpu vm set nobody --cap 1
says 1 "there is no VM 'nobody'" "vm set of an unknown VM"
check "none of these has changed anything" test "$(facts a)" = "$before"
run qwamos-gpu audit --vm a --event COMPUTE_QUOTA_EXCEEDED
says 0 " a COMPUTE_QUOTA_EXCEEDED: requested 51 %, limit 50 %" "[compute quota] the log has the refused cap"
run qwamos-gpu audit --vm a --event VRAM_QUOTA_EXCEEDED
says 0 " a VRAM_QUOTA_EXCEEDED: requested 4096 MiB, used 0 MiB, limit 512 MiB" "and the refused quota"

# Limits move while the VM runs, and take nothing away.
hold --vm a 300
run qwamos-gpu vm set a --vram 100
says 0 "VM a uses 300 MiB of VRAM, the limit is 100 MiB: it keeps them, and gets no more" "a quota below what is in use"
check "takes nothing away" used a 300
run qwamos-gpu charge --vm a 1
says 1 "requested 1 MiB, used 300 MiB, limit 100 MiB" "and stops new charges"
run qwamos-gpu vm set a --vram 512
silent "raised again"
run qwamos-gpu charge --vm a 1 -- true
silent "they pass again"
kill $held
wait $held
run qwamos-gpu vm set a --cap 40 --guarantee 30 --priority 75 --vram 400
silent "all at once"
run qwamos-gpu vm set a --level untrusted
silent "a lower level"
run qwamos-gpu vm show a
says 0 "Level: +untrusted, 10 % of GPU time, priority 75, " "lowers the share"
says 0 "VRAM: +0 of 128 MiB" "and the quota"
run qwamos-gpu vm set a --level medium
run qwamos-gpu vm show a --json
check "a higher one brings back what was set" json "$dir/out" \
	"(d['vram']['limit_bytes'] >> 20, d['compute']['cap_percent'], d['compute']['guarantee_percent'], d['priority']) == (400, 40, 30, 75)"

# Narrowing.
run qwamos-gpu vm set a --no-vulkan
sleep 0.02
run qwamos-gpu check --vm a vulkan_compute compute_shader
says 1 "^OPERATION_DENIED: vulkan_compute, VULKAN_OFF: " "--no-vulkan denies vulkan_compute"
says 1 "^OPERATION_ALLOWED: compute_shader$" "alone"
run qwamos-gpu vm set a --no-compute --vulkan
sleep 0.02
run qwamos-gpu check --vm a compute_shader vulkan_compute rendering_3d
says 1 "^OPERATION_DENIED: compute_shader, COMPUTE_OFF: " "--no-compute denies compute_shader"
says 1 "^OPERATION_DENIED: vulkan_compute, COMPUTE_OFF: " "and vulkan_compute"
says 1 "^OPERATION_ALLOWED: rendering_3d$" "alone"
run qwamos-gpu vm set a --compute
sleep 0.02
run qwamos-gpu check --vm a compute_shader vulkan_compute
says 0 "^OPERATION_ALLOWED: vulkan_compute$" "and back again"

# Guarantees on one GPU, for two VMs.
vm_up d high
run qwamos-gpu vm set d --guarantee 71
says 1 "^qwamos-gpu: --guarantee 71: 30 of 100 % are guaranteed to other VMs already$" "guarantees beyond 100 % are refused, with what is left"
run qwamos-gpu vm set d --guarantee 70
silent "up to 100 % they are admitted"
run qwamos-gpu vm set d --guarantee 80 --device "$bochs"
silent "each GPU has 100 % of its own"
run qwamos-gpu vm show d
says 0 "On $bochs: 0 MiB of VRAM, 0 queues, 80 % guaranteed" "vm show tells it by GPU"
vm_down d
run qwamos-gpu vm set a --guarantee 40
silent "what a VM that is over had is free again"

# The mode that the manager tells.
run qwamos-gpu vm set a --mode software --asked passthrough --why NO_IOMMU
silent "a fallback"
run qwamos-gpu vm show a
says 0 "^GPU: +SOFTWARE +\(asked: passthrough; no IOMMU keeps the device" "[passthrough falls back] vm show tells what was asked, and why not"
run qwamos-gpu audit --vm a --event MODE_FALLBACK
says 0 " a MODE_FALLBACK:" "and the log has it"
run qwamos-gpu vm set a --mode virtio
run qwamos-gpu audit --vm a --event MODE_FALLBACK
check "what was asked and got is none" test "$(wc -l <"$dir/out")" = 1
vm_down a

# vm run.
while IFS='|' read -r options pattern; do
	# shellcheck disable=SC2086
	run qwamos-gpu vm run e --as-root --level low $options -- touch "$dir/ran"
	says 125 "$pattern" "vm run $options"
done <<'END'
--vram 257|--vram 257: level low allows at most 256 MiB
--cap 26|--cap 26: level low allows at most 25 %
--guarantee 26|--guarantee 26: at most the VM's cap is accepted, which is 25 %
--priority 101|--priority: '101' found
END
check "COMMAND has not run" test ! -e "$dir/ran"
run qwamos-vm list
says 0 "no VMs" "and nothing is left"
vm_up games medium --vram 256 --priority 90 --cap 45 --guarantee 20 --no-compute
vm_up work low --priority 10 --no-vulkan
run qwamos-gpu vm list --json
check "[allocate_gpu] [several VMs] each keeps level, VRAM, share and priority" json "$dir/out" \
	"sorted((v['name'], v['level'], v['vram']['limit_bytes'] >> 20, v['compute']['cap_percent'], \
	v['compute']['guarantee_percent'], v['priority'], v['no_vulkan'], v['no_compute']) for v in d) == \
	[('games', 'medium', 256, 45, 20, 90, False, True), ('work', 'low', 256, 25, 0, 10, True, False)]"
run qwamos-gpu charge --vm games 256 -- qwamos-gpu charge --vm work 256 -- true
silent "each has a quota of its own"
vm_down games
vm_down work
run qwamos-gpu vm run whole --as-root --quiet --level system --device "$bochs" --guarantee 50 -- sleep 4321 &
soon vm_there whole
run qwamos-gpu vm show whole
says 0 "VRAM: .*enforced by: vfio" "a GPU given whole: vfio is what holds"
says 0 "^GPU: +PASSTHROUGH$" "its mode is told"
says 0 "Device: +$bochs" "and which it is"
says 0 "On $bochs: .* 50 % guaranteed" "the guarantee is on it"
vm_down whole
wait

# qwamos-vm start: what the gpu section says.
cat >"$dir/vm.yaml" <<END
vm: {name: v}
machine: {type: q35, accel: tcg}
hardware: {cpu: {model: qemu64}, memory: {size: 64}}
gpu:
  enabled: true
  access_mode: passthrough
  trust_level: system
  device: $bochs
  vram_limit_mb: 512
  compute_share_percent: 60
  priority: 90
  allow_compute: false
END
qwamos-vm start "$dir/vm.yaml" --foreground --serial "$dir/serial" >"$dir/vm.log" 2>&1 &
soon vm_there v
run qwamos-gpu vm show v --json
check "[allocate_gpu] qwamos-vm start sets level, VRAM, share, priority and narrowing of the config" json "$dir/out" \
	"(d['level'], d['vram']['limit_bytes'] >> 20, d['compute']['cap_percent'], d['priority'], d['no_vulkan'], d['no_compute']) == \
	('system', 512, 60, 90, False, True)"
run qwamos-gpu vm set v --priority 20 --vram 256
silent "and vm set changes them while it runs"
run qwamos-gpu vm show v
says 0 "priority 20, " "as vm show tells"
run qwamos-vm stop v --now
silent "stop"
wait
echo "1..$n"
