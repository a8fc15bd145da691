#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The demo as it runs in the lab's guest: each step says what it does, shows it, and
# checks what came of it. See tools/demo/run.

set -u
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=/tmp/demo
. "$HERE/steps.sh"
GPU=$(awk '$1 == "virtio" { print $2 }' /run/lab/devices)
VRAM=$(awk '$1 == "bochs" { print $2 }' /run/lab/devices)
SUPERVISOR=

driver()
{
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

# The state of a device, as the kernel tells it.
state()
{
	qwamos-vfio list --json | python3 -c '
import json, sys
for d in json.load(sys.stdin)["devices"]:
    if d.get("address") == sys.argv[1]:
        print(d["state"])' "$1"
}

# The process that has joined the VM.
vmm()
{
	qwamos-gpu vm list --json | python3 -c '
import json, sys
for v in json.load(sys.stdin):
    if v["name"] == sys.argv[1] and v["pid"]:
        print(v["pid"])' "$1"
}

# wait_for SECONDS FILE TEXT: until the text is in the file; tells every 20 s that it
# still waits. Looks rarely and starts no program for it: the CPU is the VM's.
wait_for()
{
	local until=$((SECONDS + $1)) next=$((SECONDS + 20)) from=$SECONDS
	until [[ $(<"$2") == *"$3"* ]]; do
		[ $SECONDS -lt $until ] || return 1
		kill -0 "$SUPERVISOR" 2>/dev/null || return 1
		if [ $SECONDS -ge $next ]; then
			printf '   ... %d s\n' $((SECONDS - from))
			next=$((next + 20))
		fi
		read -r -t 1.5 <>/run/demo.pause
	done
}

has_card()
{
	readlink -f /sys/class/drm/card? | grep -q "/$1/"
}

mkdir -p $DIR
: >$DIR/serial
mkfifo /run/demo.pause

step "Which GPUs are there?"
show qwamos-vfio list
check "the virtio GPU $GPU is there, on its native driver" out_has "$GPU +virtio-pci"
check "a GPU with 16 MiB of video memory, $VRAM, is there" out_has "$VRAM +bochs"
check "DRM has a card for the virtio GPU" has_card "$GPU"

step "Binding them to our driver: first the plan"
show qwamos-vfio bind "$GPU" "$VRAM" --dry-run
ended $? 0 "the plan can be carried out"
check "and nothing was touched: $GPU is on $(driver "$GPU")" test "$(driver "$GPU")" = virtio-pci

step "Binding them"
show qwamos-vfio bind "$GPU" "$VRAM"
ended $? 0 "bound"
for d in $GPU $VRAM; do
	check "$d is on qwamos_vfio_pci" test "$(driver "$d")" = qwamos_vfio_pci
	check "$d was reset and scrubbed, and is free" test "$(state "$d")" = free
done

step "A process of root, but of no VM, wants the GPU"
show "$HERE/stranger" open "$GPU"
ended $? 0 "the kernel module refuses it: EACCES"

step "A VM starts, with both GPUs"
# A VM gets files that everybody may read, unless its config says more.
install -m 644 "$LAB_KERNEL_IMAGE" $DIR/kernel
install -m 644 "$DEMO_INITRD" $DIR/initrd
sed -e "s|@KERNEL@|$DIR/kernel|" -e "s|@INITRD@|$DIR/initrd|" \
	-e "s|@GPU@|$GPU|" -e "s|@VRAM@|$VRAM|" "$HERE/vm.yaml" >$DIR/vm.yaml
sed -n '/^gpu:/,/^$/p' $DIR/vm.yaml | sed 's/^/   > /'
: >$DIR/vm.log
printf '   $ qwamos-vm start ./vm.yaml --foreground --serial serial &\n'
qwamos-vm start $DIR/vm.yaml --foreground --serial $DIR/serial >$DIR/vm.log 2>&1 &
SUPERVISOR=$!
wait_for 60 $DIR/vm.log "VM demo runs"
check "QEMU runs" grep -q "VM demo runs" $DIR/vm.log
sed 's/^/   | /' $DIR/vm.log
show qwamos-gpu vm list
check "the VM holds two devices, and has them open" out_has "demo +system +live +2 +2"
QEMU=$(vmm demo)
check "QEMU (process $QEMU) stands in the VM's cgroup" grep -q qwamos/demo "/proc/$QEMU/cgroup"

step "A second VM wants the GPU"
sed -e 's/name: demo/name: thief/' -e "s|device: \[.*|device: $GPU\n  fallback: false|" $DIR/vm.yaml >$DIR/thief.yaml
show qwamos-vm start $DIR/thief.yaml
ended $? 1 "it is not started"
check "for the GPU belongs to another VM, demo" out_has "OTHER_OWNER.*demo"
sed -i -e 's/trust_level: .*/trust_level: high/' $DIR/thief.yaml
show qwamos-vm start $DIR/thief.yaml
ended $? 1 "with the trust level high it is not started either"
check "for only the level system may have a whole GPU" out_has "only the trust level system allows it"
show qwamos-vm set demo level=high
ended $? 1 "nor can the first VM's level be lowered while it has a GPU"
check "for then it might not have it" out_has "IN_USE"

step "Root takes the open files of QEMU itself, and tries these"
show "$HERE/stranger" steal "$GPU" "$QEMU"
ended $? 0 "each way to the device is refused: EACCES"

step "The nested guest drives its GPU by its own driver"
wait_for 700 $DIR/serial "guest: driving"
grep -a 'guest: ' $DIR/serial | tr -d '\r' >$DIR/out
sed 's/^/   | /' $DIR/out
check "the guest's driver is virtio_gpu" out_has "guest: DRM driver virtio_gpu"
check "it has set a mode, painted, and read back what it painted" \
	out_has "mode set: 640x480, picture painted, 0 pixels read back wrong"
check "the other GPU's video memory was empty when it came" out_has "0x5ec2e75e 0 times, 0 words not zero"
check "it has left a secret there" out_has "left 0x5ec2e75e.* 0 read back wrong"
show qwamos-vm status demo
check "what QEMU may have of this machine is limited" out_has "Memory: .*enforced by: cgroup"

step "What that GPU shows on its screen, seen from outside of all this"
show lab-qmp '{"execute": "screendump", "arguments": {"device": "virtio", "filename": "'"$DEMO_SHARE"'/screen.ppm"}}'
show "$HERE/screen" /share/screen.ppm
ended $? 0 "it is the nested guest's picture"

step "The GPU read that picture by DMA: through the IOMMU?"
show "$HERE/dma-walk" "$GPU" "$QEMU" 192 0x00c0ffee
ended $? 0 "yes: the page lies elsewhere than the VM says, and only the IOMMU's tables tell where"

step "QEMU is killed with -9"
since=$(date +%s%N)
show kill -9 "$QEMU"
wait "$SUPERVISOR"
status=$?
took=$((($(date +%s%N) - since) / 1000000))
tail -n 2 $DIR/vm.log | sed 's/^/   | /'
ended $status 137 "qwamos-vm has seen it, cleaned up ($took ms), and says so"
check "no process of the VM is left" test ! -e "/proc/$QEMU"
check "its cgroup is gone" test ! -e /sys/fs/cgroup/qwamos/demo
check "the kernel knows no VM any more" test "$(qwamos-gpu vm list)" = "no VMs"

step "The GPUs are reset, scrubbed and free again"
show qwamos-vfio list
for d in $GPU $VRAM; do
	check "$d is free" test "$(state "$d")" = free
	check "$d stays on our driver, where it was before the VM" test "$(driver "$d")" = qwamos_vfio_pci
done

step "The next VM gets the GPU with the video memory, in the background, and looks for the secret"
sed -e 's/name: demo/name: next/' -e "s|device: \[.*|device: \"$VRAM\"|" \
	-e '/console=ttyS0/s/quiet/look quiet/' $DIR/vm.yaml >$DIR/next.yaml
: >$DIR/serial
show qwamos-vm start $DIR/next.yaml --serial $DIR/serial
ended $? 0 "it runs"
SUPERVISOR=$$
wait_for 700 $DIR/serial "guest: looked"
grep -a 'guest: ' $DIR/serial | tr -d '\r' >$DIR/out
sed 's/^/   | /' $DIR/out
check "it finds nothing of it: all is zero" out_has "0x5ec2e75e 0 times, 0 words not zero"
show qwamos-vm list
check "qwamos-vm lists it" out_has "next +running"
show qwamos-vm stop next --now
ended $? 0 "it is stopped"
check "$VRAM is free again" test "$(state "$VRAM")" = free

step "Unbinding them"
show qwamos-vfio unbind "$GPU" "$VRAM"
ended $? 0 "unbound"
check "$GPU is on its native driver again" test "$(driver "$GPU")" = virtio-pci
check "DRM has a card for it again" has_card "$GPU"

step "The audit log of all that"
show qwamos-gpu audit
for e in "VM_CREATED" "POLICY_CREATED: trust level SYSTEM" "DEVICE_ATTACHED: $GPU" "VM_JOINED" \
	"DEVICE_OPENED: $GPU" "OPERATION_DENIED: passthrough, OTHER_OWNER, $GPU" \
	"CALL_REFUSED: call 0x10, IN_USE" \
	"DEVICE_OPEN_REFUSED: $GPU" "VM_DESTROYED: LEADER_EXITED" "DEVICE_DETACHED: $GPU" \
	"DEVICE_RESET: $GPU" "DEVICE_SCRUBBED: $VRAM"; do
	check "it has $e" out_has "$e"
done

all_held && exit 0
sed 's/^/vm.log: /' $DIR/vm.log
tail -n 20 $DIR/serial | sed 's/^/serial: /'
exit 1
