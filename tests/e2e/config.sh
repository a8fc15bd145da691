#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
# qwamos-gpu config check, config show and qemu-args as people use them: without the module, a GPU
# or root; and what is kept of what a QEMU has answered.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
PATH=$PWD/build/bin:$PATH
export XDG_CACHE_HOME=$dir/cache
real=tests/data/vm-configs
ours=tests/data/qemu/configs

echo "TAP version 13"

# config check
run qwamos-gpu config check $real/*.yaml
says 0 "vault-vm.yaml:64:3: warning: security.apparmor: not carried out" "the real configs are checked"
check "each of them is told to be ok" test "$(grep -c ': ok (' "$dir/out")" = 6
[ -e /dev/qwamos_gpu ] || says 0 "^not enforced: module not loaded" "without the module that is told"
run qwamos-gpu config check --strict $real/vault-vm.yaml
says 1 "vault-vm.yaml: not ok" "--strict: what is not carried out is an error"
run qwamos-gpu config check --strict $ours/untrusted.yaml
says 0 "untrusted.yaml: ok" "--strict: nothing of that kind, no error"
printf 'vm: {name: a}\nnetwork:\n  mac: 41135085296\n' >"$dir/mac.yaml"
run qwamos-gpu config check "$dir/mac.yaml" $ours/media.yaml
says 1 "mac.yaml:3:8: error: network.mac: '41135085296' found; accepted: \"52:54:00:12:34:56\"" "a MAC that became a number: file, line, column, key, found, accepted"
check "the other file is ok all the same" grep -q "media.yaml: ok" "$dir/out"
run qwamos-gpu config check --json "$dir/mac.yaml"
says 1 "" "--json: the status is the same"
check "--json: all of it" json "$dir/out" "[(s['kind'], s['line'], s['column'], s['key']) for s in d['files'][0]['said']] == [('error', 3, 8, 'network.mac')] and d['files'][0]['ok'] is False"
run qwamos-gpu config check
says 2 "needs at least one FILE" "no FILE is wrong use"
run qwamos-gpu config check "$dir/nothing.yaml"
says 1 "nothing.yaml: error: No such file" "a file that is not there is an error"
mkfifo "$dir/fifo"
run timeout 10 qwamos-gpu config check "$dir/fifo"
says 1 "fifo: error: no regular file; accepted: a regular file" "nobody is waited for at a FIFO"
run qwamos-gpu config check "$dir"
says 1 "error: Is a directory" "nor is a folder a config"
run qwamos-gpu config check <(cat $ours/media.yaml)
says 0 "^/dev/fd/[0-9]+: ok" "what a shell's <() gives is read"
run qwamos-gpu config check /dev/stdin < <(cat $ours/media.yaml)
says 0 "^/dev/stdin: ok" "so is a pipe as /dev/stdin"
run qwamos-gpu config check /dev/stdin <$ours/media.yaml
says 0 "^/dev/stdin: ok" "and a file"
run qwamos-gpu config chek x
says 2 "check show" "an unknown command is told, with those that there are"
printf 'vm: {name: a}\nqemu_extra_args: ["-rtc", "base=utc", "-device", "vfio-pci,host=1:0.0"]\n' >"$dir/extra.yaml"
run qwamos-gpu config check "$dir/extra.yaml"
says 1 "extra.yaml:2:50: error: qemu_extra_args: 'vfio-pci,host=1:0.0' found" "qemu_extra_args are checked"
printf 'vm: {name: a}\nqemu_extra_args: ["-device", "usb-ehci,romfile=a,,driver=edu"]\n' >"$dir/extra.yaml"
for command in "config check" "qemu-args" "export libvirt"; do
	run qwamos-gpu $command "$dir/extra.yaml"
	says 1 "extra.yaml:2:30: error: qemu_extra_args: -device: 'romfile' of usb-ehci found; accepted: id, bus, addr" "$command: what is not in the list is refused, with the list"
done

for mode in virtio passthrough software none; do
	printf 'vm: {name: a}\ngpu: {enabled: true, access_mode: %s, trust_level: system, device: "01:00.0"}\n' $mode >"$dir/mode.yaml"
	run qwamos-gpu config show "$dir/mode.yaml"
	says 0 "^gpu.access_mode +$mode +\(" "[four access modes] $mode"
done
sed 's/mode: none/mode: windows/' "$dir/mode.yaml" >"$dir/bad.yaml"
run qwamos-gpu config check "$dir/bad.yaml"
says 1 "bad.yaml:2:35: error: gpu.access_mode: 'windows' found; accepted: virtio, passthrough, software" "[four access modes] and no fifth one"
printf 'vm: {name: a}\ngpu:\n  enabled: maybe\n  vram_limit_mb: much\n  priority: 101\n  allow_vulkan: 2\n  trust_level: root\n' >"$dir/types.yaml"
run qwamos-gpu config check "$dir/types.yaml"
check "[config keys and types] each wrong one is told by line and key" sh -c \
	"grep -oE 'types.yaml:[0-9]+:[0-9]+: error: gpu[.][a-z_]+' $dir/out | cut -d: -f2,5 | tr -d '\n' | grep -qx '3: gpu.enabled4: gpu.vram_limit_mb5: gpu.priority6: gpu.allow_vulkan7: gpu.trust_level'"
for level in untrusted:128 low:256 medium:512 high:1024 system:2048; do
	printf 'vm: {name: a}\ngpu: {enabled: true, trust_level: %s}\n' ${level%:*} >"$dir/level.yaml"
	run qwamos-gpu config show "$dir/level.yaml"
	says 0 "^gpu.vram_limit_mb +${level#*:} +\(the level ${level%:*}\)" "what is not given is the level's: ${level%:*}"
done

# config show
run qwamos-gpu config show $real/test-gpu-vm.yaml
says 0 "^gpu.trust_level +medium +\(default\)" "what the config does not say is told as a default"
check "what it says, with its place" grep -qE "^gpu.priority +75 +\($real/test-gpu-vm.yaml:29:13\)" "$dir/out"
check "and what is the level's" grep -qE "^gpu.compute_share_percent +50 +\(the level medium\)" "$dir/out"
check "each limit, with who enforces it" grep -qE "^ +vram_mib +512 +enforced by qemu: max_hostmem of the adapter, which counts images of 2D alone" "$dir/out"
run qwamos-gpu config show $real/test-gpu-vm.yaml --json
sed -n '/^{/,$p' "$dir/out" >"$dir/json"
check "--json: compute is switched off" json "$dir/json" "'compute_shader' not in d['gpu']['operations'] and 'rendering_3d' in d['gpu']['operations']"
run qwamos-gpu config show $real/vault-vm.yaml
says 0 "no GPU: there is no gpu section" "[a VM without a GPU section] has no GPU, and no policy"
run qwamos-gpu config show $real/gateway-1.yaml
says 0 "^resources.ram +1024" "the other schema's keys are told as they stand there"
check "and not twice" sh -c "! grep -q '^hardware.memory.size' '$dir/out'"
sed 's/512/513/' $ours/development.yaml >"$dir/wide.yaml"
sed -i 's/memory: {size: 513}/memory: {size: 512}/' "$dir/wide.yaml"
run qwamos-gpu config show "$dir/wide.yaml"
says 1 "'513' found; the level medium allows 512" "what widens the level is refused"

# qemu-args, of the QEMU that is installed
run qwamos-gpu qemu-args $ours/development.yaml --arch x86_64
says 0 "qemu-system-x86_64 -nodefaults .*virtio-gpu-pci,id=gpu0,max_outputs=1,max_hostmem=536870912" "qemu-args"
run qwamos-gpu qemu-args $ours/development.yaml --arch aarch64 --gpu-only
says 0 "^-display none -vga none -device virtio-gpu-pci,id=gpu0" "[get_vm_gpu_args] [arguments for virtio] --gpu-only"
run qwamos-gpu qemu-args $ours/untrusted.yaml --arch x86_64 --gpu-only
check "[get_vm_gpu_args] [arguments for software] a 2D adapter, no GPU of the host's" \
	grep -qx -e "-display none -vga none -device virtio-gpu-pci,id=gpu0,max_outputs=1,max_hostmem=134217728" "$dir/out"
run qwamos-gpu qemu-args $ours/none.yaml --arch x86_64 --gpu-only
check "[four access modes] none: no adapter" grep -qx -e "-display none -vga none" "$dir/out"
run qwamos-gpu qemu-args $real/gateway-1.yaml --arch x86_64 --gpu-only
check "[a VM without a GPU section] has no adapter" grep -qx -e "-display none -vga none" "$dir/out"
run qwamos-gpu qemu-args $ours/development.yaml --arch mips
says 2 "'mips' found, aarch64 or x86_64 accepted" "an unknown --arch is wrong use"
run qwamos-gpu qemu-args $ours/development.yaml --display x11
says 2 "none, gtk, sdl or vnc=ADDRESS accepted" "so is an unknown --display"
run qwamos-gpu qemu-args $ours/development.yaml --arch x86_64 --qemu qemu-system-aarch64
says 1 "needs a QEMU for x86_64; this one is for aarch64" "a QEMU for another machine is refused"
run qwamos-gpu qemu-args $ours/development.yaml --arch x86_64 --qemu qemu-not-here
says 1 "qemu-not-here is not installed, or not on PATH" "a QEMU that is not there is told"
run qwamos-gpu qemu-args $real/vault-vm.yaml --strict
says 1 "strict turns warnings into errors" "--strict"
sed 's/fallback}/fallback}\n/; s/trust_level: high/trust_level: high, fallback: false/' $ours/fallback.yaml >"$dir/no.yaml"
run qwamos-gpu qemu-args "$dir/no.yaml" --arch x86_64
says 1 "passthrough can't be had: only the trust level system allows it; and 'fallback' is false" "fallback: false is an error"
sed 's/01:00.0/77:00.0/' $ours/passthrough.yaml >"$dir/gone.yaml"
run qwamos-gpu qemu-args "$dir/gone.yaml"
says 1 "0000:77:00.0: no such device" "a device that is named and not there is an error"
run qwamos-gpu qemu-args $ours/fallback.yaml --arch x86_64 --json
sed -n '/^{/,$p' "$dir/out" >"$dir/json"
check "[passthrough falls back] --json: what was asked, what is had, and why" json "$dir/json" "(d['gpu']['asked'], d['gpu']['got'], d['gpu']['reason']) == ('passthrough', 'virtio', 'only the trust level system allows it')"
run qwamos-gpu qemu-args $ours/development.yaml --caps tests/data/qemu/10.0-x86_64.json --arch x86_64 --render-node /dev/dri/renderD128
says 0 "egl-headless,rendernode=/dev/dri/renderD128.*virtio-gpu-gl-pci" "3D, where there is a render node for it"
for node in "$dir/none" "$dir/json" /dev/null; do
	run qwamos-gpu qemu-args $ours/development.yaml --arch x86_64 --render-node "$node"
	says 1 "--render-node $node: (No such file|no render node of a GPU, such as)" "no render node: $(basename "$node")"
done
run qwamos-vm start $ours/development.yaml --render-node /dev/null
says 2 "--render-node" "start takes none"

# The cache
cat >"$dir/qemu" <<'END'
#!/bin/bash
exec qemu-system-x86_64 "$@"
END
chmod +x "$dir/qemu"
qa=(qwamos-gpu qemu-args "$ours/untrusted.yaml" --arch x86_64 --qemu "$dir/qemu" --json)
version()
{
	"${qa[@]}" 2>/dev/null | python3 -c 'import json,sys; print(json.load(sys.stdin)["qemu"]["version"])'
}
had=$(version)
file=$(grep -l "\"program\": *\"$dir/qemu\"" "$XDG_CACHE_HOME"/qwamos-gpu/qemu/*.json | head -1)
[ -n "$file" ] || file=$(grep -l "$(basename "$dir")" "$XDG_CACHE_HOME"/qwamos-gpu/qemu/*.json | head -1)
check "what a QEMU has is kept" test -s "$file"
sed -i "s/\"version\": *\"$had\"/\"version\":\"0.0.1\"/" "$file"
check "and it is not asked again" test "$(version)" = 0.0.1
touch "$dir/qemu"
check "unless it is another one" test "$(version)" = "$had"
sed -i "s/\"version\": *\"$had\"/\"version\":\"0.0.2\"/" "$file"
chmod 666 "$file"
check "a file that others may write is not believed" test "$(version)" = "$had"
echo '{' >"$file"
chmod 644 "$file"
check "nor one that is broken" test "$(version)" = "$had"
XDG_CACHE_HOME=/proc/nowhere
check "without a place for it, QEMU is asked each time" test "$(version)" = "$had"

# Programs that are no QEMU
# shellcheck disable=SC2016
for what in 'exit 3' 'echo "qemu: no such thing" >&2; exit 1' 'eval "echo garbage >&$fd"; exec sleep 100' \
	'eval "echo {} >&$fd"; exec sleep 100' 'eval "head -c 9000000 /dev/zero >&$fd"; exec sleep 100'; do
	printf '#!/bin/bash\nfor a; do case $a in socket,*) fd=${a##*fd=} ;; esac; done\n%s\n' "$what" >"$dir/qemu"
	run timeout 30 "${qa[@]}"
	says 1 "$dir/qemu|$(basename "$dir")/qemu" "no QEMU ($what): refused at once, by its name"
done
run timeout 5 bash -c "sleep 0.2; pgrep -f '^/bin/bash $dir/qemu'"
says 1 "" "none of them is left"
echo "1..$n"
