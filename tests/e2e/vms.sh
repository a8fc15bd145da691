#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 180
# qwamos-vm list, status, info, set and stop of VMs that do not run: which VM is meant, what its
# config gives it, and what is wrong with it. Without the module, a GPU or root; of VMs that run,
# records alone, made by hand.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
PATH=$PWD/build/bin:$PATH
export XDG_CACHE_HOME=$dir/cache QWAMOS_RUN_DIR=$dir/run QWAMOS_VMS_DIR=$dir/vms
umask 022
mkdir -p "$dir/vms" "$dir/run" "$dir/other"
# Not where they are: who else may write to a checkout is for nobody to know.
cp -r tests/data/vm-configs "$dir/real"
chmod -R go-w "$dir/real"
real=$dir/real

# put NAME: a VM of that folder, with its config from stdin
put()
{
	mkdir -p "$dir/vms/$1"
	cat >"$dir/vms/$1/config.yaml"
}

# nothing_out COMMAND...: it prints nothing on stdout
nothing_out()
{
	[ -z "$("$@" 2>/dev/null)" ]
}

echo "TAP version 13"

run qwamos-vm list
says 0 "^no VMs$" "an empty folder has no VMs"
QWAMOS_VMS_DIR='' run qwamos-vm list --vms-dir "$dir/nowhere"
says 1 "$dir/nowhere: No such file" "a folder that is not there is told"

# The real configs.
for f in "$real"/*.yaml; do
	put "$(basename "$f" .yaml)" <"$f"
done
run qwamos-vm list
says 0 "^kali-vm +stopped +- +pentesting +Kali Linux - KALI-WFH penetration testing suite$" "list: name, state, type, description of a stopped VM"
check "all of them" test "$(grep -c ' stopped ' "$dir/out")" = 6
run qwamos-vm list --json
check "list --json" json "$dir/out" "[(v['name'], v['state'], v['type'], v['supervisor'], v['broken'], v['note']) for v in d if v['name'] == 'vault-vm'] == [('vault-vm', 'stopped', 'airgapped', None, None, None)] and len(d) == 6"
check "and no id of the kernel's" json "$dir/out" "[v['vm_id'] for v in d] == [None] * 6"
check "with the path of its config" json "$dir/out" "all(v['config'] == '$dir/vms/' + v['name'] + '/config.yaml' for v in d)"
mkdir "$dir/one"
cp -r "$dir/vms/kali-vm" "$dir/one"
run qwamos-vm list --vms-dir "$dir/one"
check "--vms-dir goes before the environment" test "$(grep -c ' stopped ' "$dir/out")" = 1

# Which VM is meant.
run qwamos-vm status kali-vm
says 3 "^VM: +kali-vm, stopped$" "status: 3 for a stopped VM, by its name"
run qwamos-vm status "$real/kali-vm.yaml"
says 3 "Config: +$real/kali-vm.yaml" "by its path"
run qwamos-vm status kali-vm --json
says 3 "" "status --json: the same status"
check "and nothing is claimed of a process" json "$dir/out" "d['state'] == 'stopped' and [d[k] for k in ('supervisor', 'vm_id', 'uptime_s', 'qemu', 'cgroup', 'gpu')] == [None] * 6"
for command in status info stop "set"; do
	more=()
	[ $command = set ] && more=(vram=1)
	run qwamos-vm $command nobody "${more[@]}"
	says 1 "no VM 'nobody': there is no $dir/vms/nobody/config.yaml; accepted: the path of a config file, which has a slash, or the name of a folder of $dir/vms" "$command of an unknown VM: where it was looked for, and what is accepted"
	run qwamos-vm $command ./nobody.yaml "${more[@]}"
	says 1 "./nobody.yaml: No such file" "$command of a path that is not there"
	run qwamos-vm $command .. "${more[@]}"
	says 1 "'..' is no name of a VM; accepted:" "$command of what is no name"
	check "stdout stays empty" nothing_out qwamos-vm $command nobody "${more[@]}"
done
for command in status info stop; do
	run qwamos-vm $command
	says 2 "needs one VM" "$command without a VM is wrong use"
	run qwamos-vm $command a b
	says 2 "no further 'b'" "$command of two VMs, too"
done
run qwamos-vm status kali-vm --nonsense
says 2 "unknown option '--nonsense'; accepted: --json --vms-dir --help" "an unknown option is told, with those that there are"

# info of a VM that does not run: what it would get.
run qwamos-vm info test-gpu-vm
says 0 "^VM: +test-gpu-vm, stopped$" "info of a stopped VM"
for line in "Type: +linux" "Description: +Test VM with GPU acceleration \(Phase XIV\)" "CPU: +2 cores \(cortex-a57\)" \
	"Memory: +512 MiB" "Disk: +/data/.*/test-gpu-vm/disk.qcow2, which is missing" \
	"Network: +nat, virtio-net-pci 52:54:00:12:34:60, tcp 127.0.0.1:2226 to 22" "Autostart: +no" "Acceleration: +tcg" \
	"GPU: +VIRTIO" "  VRAM: +0 of 512 MiB" "  Device: +none: 2D only, no 3D: .+" "  Vulkan: +none: there is no 3D" \
	"  OpenGL: +none: there is no 3D" "  Level: +medium, 50 % of GPU time, priority 75, 0 denied"; do
	check "info: ${line%%: *}" grep -qE "^$line\$" "$dir/out"
done
check "what stands above the GPU's block stands above it" sh -c "sed -n '/^GPU:/q; /^Type:/,\$p' '$dir/out' | cut -d: -f1 | paste -sd, | grep -qx 'Type,Description,CPU,Memory,Disk,Network,Autostart,Acceleration'"
run qwamos-vm info android-vm
says 0 "^Autostart: +yes" "info: autostart, as the config says"
run qwamos-vm info vault-vm
says 0 "^Network: +airgapped, no device" "info: airgapped"
check "a VM without a gpu section has none of the GPU" grep -qE "^  Level: +none: the VM has no policy" "$dir/out"
run qwamos-vm info gateway-1
says 0 "^Network: +bridge, bridge qwamos-br0" "info: the other schema"
printf 'vm: {name: pt}\nmachine: {accel: tcg}\ngpu: {enabled: true, access_mode: passthrough, trust_level: high, vram_limit_mb: 300, compute_share_percent: 7}\n' | put pt
run qwamos-vm info pt
says 0 "^GPU: +VIRTIO +\(asked: passthrough; only the trust level system allows it\)" "info: the fallback, and its reason"
check "and the limits" grep -qE "^  VRAM: +0 of 300 MiB" "$dir/out"
check "of the config" grep -qE "^  Level: +high, 7 % of GPU time, priority 50, 0 denied" "$dir/out"
run qwamos-vm info pt --json
check "info --json: the same" json "$dir/out" "(d['gpu']['mode']['asked'], d['gpu']['mode']['got'], d['gpu']['mode']['reason'], d['gpu']['vram']['limit_bytes'], d['gpu']['device']) == ('passthrough', 'virtio', 'LEVEL', 300 << 20, None)"
sed 's/high/system/; s/passthrough,/passthrough, device: "0000:77:00.0",/' "$dir/vms/pt/config.yaml" | put nodev
run qwamos-vm info nodev
says 0 "^GPU: +unknown +\(asked: passthrough; 0000:77:00.0: no such device" "info: a device that is not there is told, and nothing is guessed"
check "nor of Vulkan" grep -qE "^  Vulkan: +unknown: 0000:77:00.0: no such device" "$dir/out"
printf 'vm: {name: soft}\nmachine: {accel: tcg}\ngpu: {enabled: true, access_mode: software, trust_level: untrusted}\n' | put soft
run qwamos-vm info soft
says 0 "^GPU: +SOFTWARE$" "info: software"
check "draws on the CPU" grep -qE "^  Device: +CPU$" "$dir/out"
check "with what only the guest knows" grep -qE "^  Vulkan: +unknown: the guest draws on its CPU" "$dir/out"
[ -e /dev/kvm ] || {
	printf 'vm: {name: kvm}\nmachine: {type: q35, accel: kvm}\n' | put kvm
	run qwamos-vm info kvm
	says 0 "^Acceleration: +tcg \(asked: kvm; " "info: KVM that can't be had"
}
PATH=$dir/empty run "$PWD/build/bin/qwamos-vm" info test-gpu-vm
says 0 "^GPU: +unknown +\(asked: virtio; qemu-system-aarch64 is not installed" "info: without a QEMU, what it would get is not known"

# Configs that are broken, and names that surprise.
printf 'vm: {name: broken\n' | put broken
printf 'vm: {name: wrong}\nautostart: maybe\n' | put wrong
mkdir "$dir/vms/lost"
ln -s nowhere "$dir/vms/lost/config.yaml"
mkdir "$dir/vms/fifo"
mkfifo "$dir/vms/fifo/config.yaml"
run timeout 10 qwamos-vm list
says 0 "^fifo +broken config +- +- +$dir/vms/fifo/config.yaml: error: no regular file" "list: a FIFO as a config holds nobody up"
run timeout 10 qwamos-vm status fifo
says 1 "fifo/config.yaml: error: no regular file" "status: nor there"
rm -r "$dir/vms/fifo"
printf 'vm: {name: kali-vm}\n' | put twin
mkdir "$dir/vms/empty"
run qwamos-vm list
says 0 "^broken +broken config +- +- +$dir/vms/broken/config.yaml:2:1: error: " "list: a broken config is one line, with why"
check "a wrong value, too" grep -qE "^wrong +broken config .*config.yaml:2:12: error: autostart: 'maybe' found; accepted: true, false" "$dir/out"
check "and one that is not there" grep -qE "^lost +broken config .*: error: No such file" "$dir/out"
check "a folder without a config is no VM" sh -c "! grep -q '^empty' '$dir/out'"
check "and the list goes on" grep -qE "^whonix-vm +stopped" "$dir/out"
check "a folder that is not called as its VM is told" grep -qE "^kali-vm \($dir/vms/twin/config.yaml\): the folder of VM kali-vm is called twin" "$dir/out"
check "two VMs of one name are told, each with the other" grep -qE "^kali-vm \($dir/vms/kali-vm/config.yaml\): $dir/vms/twin/config.yaml calls its VM kali-vm, too" "$dir/out"
run qwamos-vm status broken
says 1 "Broken: +$dir/vms/broken/config.yaml:2:1: error: " "status of a broken config is 1, with why"
run qwamos-vm info broken
says 1 "$dir/vms/broken/config.yaml:2:1: error: " "so is info"

# set and stop of what does not run.
run qwamos-vm set kali-vm vram=10
says 1 "VM kali-vm does not run \(stopped\): nothing is changed; what it gets when it is started is what its config says" "set: a stopped VM is what its config says"
run qwamos-vm stop kali-vm
says 1 "no VM kali-vm is running" "stop: a stopped VM is no success"
# wrong_set WORD... PATTERN: wrong use, before anything is asked
wrong_set()
{
	local -a words=("${@:1:$#-1}")
	run qwamos-vm set kali-vm "${words[@]}"
	says 2 "${!#}" "set ${words[*]}"
}
wrong_set "needs a VM and at least one KEY=VALUE"
wrong_set vram "'vram' found; accepted: level= vram= cap= guarantee= priority= vulkan= compute= device="
wrong_set memory=5 "'memory=5' found; accepted: level= vram="
wrong_set "=5" "'=5' found; accepted:"
wrong_set vra=5 "'vra=5' found; accepted:"
wrong_set vram= "vram: '' found, a number from 0 to"
wrong_set vram=1M "vram: '1M' found, a number from 0 to"
wrong_set vram=-1 "vram: '-1' found, a number from 0 to"
wrong_set cap=101 "cap: '101' found, a number from 0 to 100 accepted"
wrong_set guarantee=x "guarantee: 'x' found, a number from 0 to 100 accepted"
wrong_set priority=101 "priority: '101' found, a number from 0 to 100 accepted"
wrong_set level=root "level: 'root' found, untrusted, low, medium, high or system accepted"
wrong_set vulkan=yes "vulkan: 'yes' found, on or off accepted"
wrong_set compute= "compute: '' found, on or off accepted"
wrong_set vram=1 vram=2 "vram: given twice"
wrong_set device=0000:01:00.0 "device= is for guarantee="

# start --dry-run: a line for each fact, and nothing in it that the filter of terminals took out.
printf 'vm: {name: dry}\nmachine: {type: q35, accel: tcg}\nhardware: {cpu: {model: qemu64}}\nnetwork: {mode: airgapped, device: none}\n' | put dry
run qwamos-vm start dry --dry-run
says 0 "^VM dry, level medium, would get: no GPU$" "start --dry-run: what the VM gets"
check "and what is bound, on a line of its own" grep -qx "nothing to bind" "$dir/out"
check "each fact on one: no newline became a '?'" sh -c "! grep -F '?' '$dir/out'"
check "in order" sh -c "cut -d' ' -f1,2 '$dir/out' | grep -v '^ ' | paste -sd, | grep -qx 'VM dry,,nothing to,in a,to run:'"
rm -r "$dir/vms/dry"

# A record that no process holds: its supervisor was killed.
boot=$(cat /proc/sys/kernel/random/boot_id)
record()
{
	printf '{"name":"%s","boot_id":"%s","pid":999999,"vm_id":0,"cgroup":"","config":"%s","bound":[]}' "$1" "$boot" "$2" >"$dir/run/$1.json"
}
record kali-vm "$dir/vms/kali-vm/config.yaml"
run qwamos-vm list
says 0 "^kali-vm +left over +999999 +pentesting" "list: what was left over has its config's type"
check "the twin is stopped all the same" grep -qE "^kali-vm +stopped +- +- +-" "$dir/out"
run qwamos-vm status kali-vm
says 3 "^  Supervisor: +process 999999, which is gone" "status: left over"
run qwamos-vm stop kali-vm
says 1 "supervisor of VM kali-vm is gone" "stop: there is nothing to stop"
run qwamos-vm set kali-vm vram=1
says 1 "does not run \(left over\)" "set: nor to set"
rm "$dir/run/kali-vm.json"

# One that a process holds: it runs. (The lock that a supervisor has.)
cat >"$dir/hold.py" <<'END'
import fcntl, os, struct, sys, time
f = open(sys.argv[1], "r+")
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
open(sys.argv[2], "w").close()
time.sleep(1000)
END
record kali-vm "$dir/other/config.yaml"
printf 'vm: {name: kali-vm, type: elsewhere, description: "two\\rlines\\e[2J"}\n' >"$dir/other/config.yaml"
python3 "$dir/hold.py" "$dir/run/kali-vm.json" "$dir/held" &
holder=$!
for ((i = 0; i < 100; i++)); do
	[ -e "$dir/held" ] && break
	sleep 0.1
done
run qwamos-vm list
says 0 "^kali-vm +running +999999 +elsewhere +two.lines" "list: a VM that runs from another folder's config appears, too"
check "no control character of a config's gets out" sh -c "! grep -q \$'\\033' '$dir/out'"
check "its namesakes here are stopped" test "$(grep -cE '^kali-vm +stopped' "$dir/out")" = 2
run qwamos-vm status "$dir/vms/kali-vm/config.yaml"
says 3 "Note: +a VM called kali-vm runs, but with the config $dir/other/config.yaml" "status by path: it is not the one that runs"
run qwamos-vm stop "$dir/vms/kali-vm/config.yaml"
says 1 "no VM kali-vm is running: a VM called kali-vm runs, but with the config $dir/other/config.yaml" "stop by path: nor is another one stopped in its place"
run qwamos-vm set "$dir/vms/kali-vm/config.yaml" vram=1
says 1 "does not run \(stopped\)" "nor changed"
check "it is still there" kill -0 $holder
run qwamos-vm status kali-vm
says 0 "Config: +$dir/other/config.yaml" "status by name: the one that runs"
run qwamos-vm status "$dir/other/config.yaml"
says 0 "^VM: +kali-vm, running" "and by its own path"
echo '{' >"$dir/other/config.yaml"
run qwamos-vm status kali-vm
says 0 "Broken: +$dir/other/config.yaml:" "a config that was broken since does not stop it"
run qwamos-vm info kali-vm
says 0 "^GPU: +unknown" "info: then nothing of it is guessed"
check "not even the number of its cores" sh -c "! grep -q '^CPU:' '$dir/out'"

# A config that is another one by now: its bytes tell, not two clocks.
printf 'vm: {name: kali-vm}\n' >"$dir/other/config.yaml"
sha=$(sha256sum <"$dir/other/config.yaml")
kill $holder
wait $holder 2>/dev/null
sed -i "s/\"bound\"/\"config_sha256\":\"${sha%% *}\",&/" "$dir/run/kali-vm.json"
python3 "$dir/hold.py" "$dir/run/kali-vm.json" "$dir/held2" &
holder=$!
for ((i = 0; i < 100; i++)); do
	[ -e "$dir/held2" ] && break
	sleep 0.1
done
touch -d '+1 hour' "$dir/other/config.yaml"
run qwamos-vm info kali-vm --json
check "info: a config that was only touched has not changed" json "$dir/out" "d['state'] == 'running' and d['config_changed'] is False"
printf 'vm: {name: kali-vm} \n' >"$dir/other/config.yaml"
touch -d '-1 hour' "$dir/other/config.yaml"
run qwamos-vm info kali-vm
says 0 "^Note: +the config was changed since the VM was started" "one with another byte has, whatever its time"

# Records that can't be read: told by name, and no other VM is kept from being listed or stopped.
for text in null '[null]' 5 '{' '{"name":"vault-vm","boot_id":"'"$boot"'","bound":[null,null]}' \
	'{"name":"vault-vm","boot_id":"'"$boot"'","pid":"1","bound":null}'; do
	echo "$text" >"$dir/run/vault-vm.json"
	run qwamos-vm list
	says 0 "^vault-vm +damaged record +- +airgapped" "list: a record that says $text"
	check "is told with its file" grep -qE "^vault-vm \\($dir/vms/vault-vm/config.yaml\\): its record $dir/run/vault-vm.json is damaged \\(.+\\): the next start" "$dir/out"
	check "the others are listed all the same" sh -c "grep -qE '^kali-vm +running' '$dir/out' && grep -qE '^whonix-vm +stopped' '$dir/out'"
	run qwamos-vm status vault-vm
	says 1 "^  Note: +its record $dir/run/vault-vm.json is damaged" "status: is an error"
	run qwamos-vm info vault-vm
	says 0 "^VM: +vault-vm, damaged record" "info: tells what the config says"
	run qwamos-vm stop vault-vm
	says 1 "VM vault-vm can't be stopped: its record $dir/run/vault-vm.json is damaged" "stop: tells why not"
	run qwamos-vm set vault-vm vram=1
	says 1 "VM vault-vm does not run \\(damaged record\\)" "set: nor to set"
	run qwamos-vm status kali-vm
	says 0 "^VM: +kali-vm, running" "and another one that runs does"
done
rm "$dir/run/vault-vm.json"
mkfifo "$dir/run/vault-vm.json"
ln -s /dev/zero "$dir/run/whonix-vm.json"
truncate -s 1T "$dir/run/other.json"
run timeout 20 qwamos-vm list
says 0 "^vault-vm +damaged record" "list: a FIFO as a record holds nobody up"
check "nor does a link to what has no end" grep -qE "^whonix-vm +damaged record" "$dir/out"
check "nor does a file without an end" grep -qE "^other \\(-\\): .* is damaged \\(more than 65536 bytes\\)" "$dir/out"
run qwamos-vm list --json
check "--json: why" json "$dir/out" "{v['name']: v['damaged'] for v in d if v['damaged']} == {'vault-vm': 'no regular file', 'whonix-vm': 'it can\\'t be opened: Too many levels of symbolic links', 'other': 'more than 65536 bytes'}"
rm "$dir/run/vault-vm.json" "$dir/run/whonix-vm.json" "$dir/run/other.json"
kill -9 $holder
wait $holder 2>/dev/null

# A user who may not look into the folder is not told that a VM is stopped.
if [ "$(id -u)" = 0 ]; then
	chmod 700 "$dir/run"
	install -d -m 755 "$dir/one/bin"
	cp build/bin/qwamos-vm "$dir/one/bin"
	chmod 755 "$dir" "$dir/one"
	nobody() { run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/one/bin/qwamos-vm" "$@"; }
	nobody list
	says 0 "^kali-vm +unknown " "list, by another user: the state is not known"
	check "and why" grep -qE "whether it runs is not known: $dir/run, which is told to root alone" "$dir/out"
	nobody status kali-vm
	says 1 "^VM: +kali-vm, unknown" "status: is an error"
	nobody info kali-vm
	says 0 "^GPU: +unknown" "info: nothing is guessed"
	nobody stop kali-vm
	says 1 "VM kali-vm can't be stopped: whether it runs is not known" "stop: nor done"
fi
echo "1..$n"
exit $bad
