#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/examples, built against what is installed: a VM manager starts a VMM.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
examples=$QWAMOS_TREE/build/examples

echo "TAP version 13"
run "$examples/manager" demo medium 100 "$examples/vmm" 60 60 30
says 0 "^vmm: VM demo, level medium: 100 MiB of VRAM \(enforced by: none\), 50 % of GPU time$" "the VMM knows its limits"
says 0 "^vmm: vulkan_compute: allowed$" "and asks for operations"
says 0 "^vmm: 0 of 4 denied$" "which medium allows"
says 0 "^vmm: 60 MiB: allocated, 60 of 100 MiB used$" "it charges what it allocates"
says 0 "^vmm: 60 MiB: no room, 60 of 100 MiB used$" "what does not fit is refused"
says 0 "^vmm: 30 MiB: allocated, 90 of 100 MiB used$" "what does is not"
says 0 "^vmm: freed, 0 of 100 MiB used$" "all is given back"
says 0 "^manager: VRAM_QUOTA_EXCEEDED none: QUOTA \(1 times\)$" "and the manager reads the log"
check "no cgroup is left" test ! -e /sys/fs/cgroup/example-demo
run "$examples/manager" demo untrusted 100 "$examples/vmm"
says 0 "^vmm: rendering_3d: LEVEL$" "untrusted: 3D is denied"
says 0 "^vmm: 3 of 4 denied$" "and more"
run "$examples/manager" demo low 257 "$examples/vmm"
says 1 "^manager: at most 256 MiB are allowed$" "more than the level's VRAM is refused"
check "no cgroup is left" test ! -e /sys/fs/cgroup/example-demo
run "$examples/manager" demo low 100 false
says 1 "" "the VMM's status comes through"
run "$examples/manager" demo low 100 sh -c 'sleep 4321 & exit 0'
says 0 "" "a process that the VMM leaves"
check "is killed" sh -c '! pgrep -f "^sleep 4321"'
run "$examples/vmm" 1
says 2 "QWAMOS_GPU_VM_FD is not set: start it through a manager" "no VMM without a VM"
run "$examples/manager" demo root 100 true
says 2 "^usage: manager NAME LEVEL" "no VM without a level"
echo "1..$n"
