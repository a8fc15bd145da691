#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The second half of the demo, in a lab's guest whose GPU draws in 3D: two VMs share it through
# gates. See tools/demo/run.

set -u
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=/tmp/demo
. "$HERE/steps.sh"
GPU=$(awk '$1 == "virtio" { print $2 }' /run/lab/devices)

# field VM PATH: of what the kernel tells of a VM, as python would index it.
field()
{
	qwamos-gpu vm show "$1" --json | python3 -c "
import json, sys
print(json.load(sys.stdin)$2)"
}

# tell LINE: to the program that takes; its answer is shown.
tell()
{
	printf '   painter is told: %s\n' "$1"
	echo "$1" >&7
	IFS= read -r -t 60 answer <&8
	printf '   | %s\n' "$answer"
}

mkdir -p $DIR
install -m 755 "$DEMO_SCENES" $DIR/scenes

step "A GPU that several VMs are to share stays on its driver"
show qwamos-vfio list
check "$GPU is on its native driver" out_has "$GPU +virtio-pci"
printf '   $ scenes gradient cube\n'
$DIR/scenes gradient cube >$DIR/raw 2>/dev/null
sed 's/^/   | /' $DIR/raw
check "a program of the host draws with it" test "$(wc -l <$DIR/raw)" = 2

step "The same program, as the process of a VM of level low that has a gate"
show qwamos-gpu vm run painter --level low --gate "$GPU" --user nobody --quiet -- \
	sh -c "ls -l /dev/dri; exec $DIR/scenes gradient cube 2>/dev/null"
ended $? 0 "it runs"
grep -E '^(gradient|cube)' $DIR/out >$DIR/gated
check "and has drawn the same pixels" cmp -s $DIR/raw $DIR/gated
check "by a node that is not the real one, whose major is 226" out_has "^crw.* (22[^6]|2[^2].), .*renderD"

step "It wants more memory than its VM may have"
show qwamos-gpu vm run painter --level low --vram 48 --gate "$GPU" --user nobody --quiet -- $DIR/scenes hog
check "OpenGL says so (GL_OUT_OF_MEMORY) after 47 textures of 1 MiB, and it draws on" out_has "^47 textures, error 0x505"

step "Two VMs share the GPU: a QEMU, and a program that takes memory"
cp "$HERE/desk.yaml" $DIR/desk.yaml
show qwamos-vm start $DIR/desk.yaml
ended $? 0 "QEMU runs, with 3D by a gate"
check "which it was given" out_has "VM desk has a gate to $GPU"
mkfifo /run/demo.in /run/demo.out
install -m 755 "$HERE/taker" $DIR/taker
qwamos-gpu vm run painter --level low --vram 64 --gate "$GPU" --user nobody --quiet -- \
	$DIR/taker <>/run/demo.in >/run/demo.out 2>$DIR/painter.log &
painter=$!
exec 7>/run/demo.in 8</run/demo.out
tell "take 32"
check "it has what it took" test "$answer" = "it has 32 MiB"
show qwamos-gpu vm list
check "both are there" out_has "^[0-9]+ +painter .* 32/64"
check "the kernel has counted it: $(field painter "['vram']['used_bytes']") bytes, enforced by $(field painter "['vram']['enforced_by']")" \
	test "$(field painter "['vram']['used_bytes']")" = $((32 << 20))
show qwamos-vm info desk
check "and holds the other VM to its own limit" out_has "VRAM: .*of 256 MiB"

step "While it runs, its limit is lowered from 64 MiB to 40"
show qwamos-gpu vm set painter --vram 40
ended $? 0 "lowered"
tell "take 32"
check "from the next call on it gets no more than that" test "$answer" = "it has 40 MiB; one more: Cannot allocate memory"

step "It asks for a context that can compute, which its level does not allow"
tell "vulkan"
check "the kernel refuses it" test "$answer" = "a context with Vulkan: Permission denied"
show qwamos-gpu vm show painter
check "and has counted that" test "$(field painter "['gates'][0]['denied']")" -ge 1
exec 7>&- 8<&-
kill $painter
wait $painter
check "it has ended, and with it its VM" test "$(qwamos-gpu vm list --json | grep -c painter)" = 0
show qwamos-vm stop desk --now
ended $? 0 "the other one is stopped"

step "A program in QEMU's place, in QEMU's sandbox, tries to get past the gate"
mkdir -p $DIR/bin
install -m 755 "$HERE/taker" $DIR/bin/qemu-system-x86_64
PATH=$DIR/bin:$PATH show qwamos-vm start $DIR/desk.yaml --foreground
check "it sees the gate alone" out_has "what is in /dev/dri: \['renderD[0-9]+'\], of major"
check "can make no node: its system calls lack that" out_has "make the real node: Function not implemented"
check "has no way to the screen" out_has "open the screen's node: No such file or directory"
check "sets no mode" out_has "set the screen's mode: Permission denied"
check "and does not compute" out_has "compute: Permission denied"

step "The audit log of that"
show qwamos-gpu audit
for e in "GATE_CREATED" "GATE_DESTROYED" "VRAM_QUOTA_EXCEEDED"; do
	check "it has $e" out_has "$e"
done
check "the kernel knows no VM any more" test "$(qwamos-gpu vm list)" = "no VMs"
all_held
