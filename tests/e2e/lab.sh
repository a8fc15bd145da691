#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The lab itself: statuses, streams, what reaches the host, and that a guest whose kernel
# complains can't pass.
# needs: 6.1 6.12 6.1-arm64
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
run=tools/lab/run

# boot OPTION... -- COMMAND...: leaves status, out and err.
boot()
{
	$run --topology none --no-load "$@" >"$dir/out" 2>"$dir/err"
	status=$?
}

echo "1..35"

cat >"$dir/lines.py" <<'END'
import sys
sys.path.insert(0, "tools/lab")
from labkit.console import Console, trouble
BAD = """\
WARNING: CPU: 0 PID: 412 at kernel/sched/core.c:1 f+0x1/0x2 [qwamos_gpu]
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
WARNING: lock held when returning to user space!
[ BUG: Invalid wait context ]
INFO: trying to register non-static key.
BUG: KASAN: slab-use-after-free in f+0x1/0x2
BUG: kernel NULL pointer dereference, address: 0000000000000008
BUG: sleeping function called from invalid context at mm/slab.h:1
kernel BUG at mm/slub.c:1!
Oops: 0000 [#1] PREEMPT SMP NOPTI
general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
Kernel panic - not syncing: Fatal exception
rcu: INFO: rcu_preempt self-detected stall on CPU
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [a:1]
INFO: task kworker/0:1:9 blocked for more than 120 seconds.
refcount_t: underflow; use-after-free.
UBSAN: array-index-out-of-bounds in a.c:1:2
Call Trace:
BUG qwamos_gpu_vm (Tainted: G           O      ): Objects remaining in qwamos_gpu_vm on __kmem_cache_shutdown()
kmem_cache_destroy qwamos_gpu_vm: Slab cache still has objects when called from x
irq 16: nobody cared (try booting with the "irqpoll" option)
Internal error: Oops: 0000000096000004 [#1] SMP
list_add corruption. prev->next should be next""".splitlines()
GOOD = """\
MDS: Vulnerable: Clear CPU buffers attempted, no microcode
[Firmware Bug]: TSC_DEADLINE disabled due to Errata
RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to RETBleed attacks
Warning: unable to open an initial console.
acpi PNP0A08:00: _OSC: platform does not support [LTR DPC]
qwamos_gpu: loading out-of-tree module taints kernel.
DMAR: [DMA Write NO_PASID] Request device [05:00.0] fault addr 0x200000 [fault reason 0x05] PTE Write access is not set
rcu: Hierarchical RCU implementation.
kasan: KernelAddressSanitizer initialized
bug_test[12]: segfault at 0 ip 0 sp 0 error 4 in bug_test""".splitlines()
for lines, want in ((BAD, True), (GOOD, False)):
    for line in lines:
        for stamp in ("[    1.234567] ", "[  123.456789][  T412] "):
            if bool(trouble(stamp + line)) != want:
                sys.exit(f"taken for {'harmless' if want else 'trouble'}: {line}")
if trouble("a program's own output says WARNING: CPU: 0"):
    sys.exit("taken for the kernel's: a program's line")
OOM = "[    1.0] cat invoked oom-killer: gfp_mask=0\n"
TRACE = "[    1.1] Call Trace:\n"
for text, want in ((OOM + TRACE, 0), (TRACE, 1), (OOM + TRACE + TRACE, 1),
                   (OOM + TRACE + "[    1.2] Out of memory: Killed process 1 (cat)\n", 1)):
    with open(sys.argv[1], "w", encoding="ascii") as f:
        f.write(text)
    c = Console(sys.argv[1])
    c.poll()
    if len(c.bad) != want:
        sys.exit(f"{len(c.bad)} complaints, {want} expected, in: {text}")
END
python3 -B "$dir/lines.py" "$dir/console" >"$dir/out" 2>"$dir/err"
check "complaints of a kernel are told from its habits" [ $? = 0 ]

mkdir "$dir/share"
# shellcheck disable=SC2016
boot --share "$dir/share" --env "GREETING=it's" -- bash -c '
	echo out; echo err >&2; echo "$GREETING" >/share/said
	touch /etc/lab-was-here /tmp/lab-was-here && pwd >/share/pwd; uname -r >/share/release
	exit 7'
check "the command's status is the run's" [ $status = 7 ]
check "standard output is passed on" grep -qx out "$dir/out"
check "standard error is passed on, apart" grep -qx err "$dir/err"
check "the shared folder is written to" [ "$(cat "$dir/share/said")" = "it's" ]
check "the command starts where the lab was called" [ "$(cat "$dir/share/pwd")" = "$PWD" ]
check "nothing else reaches the host" [ ! -e /etc/lab-was-here -a ! -e /tmp/lab-was-here ]
check "6.1 is the default" grep -q '^6\.1\.' "$dir/share/release"

boot -- sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at lab/test.c:1 f+0x1/0x2" >/dev/kmsg'
check "a kernel's warning fails a command that succeeds" [ $status = 126 ]
check "and is shown" grep -q 'WARNING: CPU: 0 PID: 1 at lab/test.c' "$dir/err"

boot --kernel 6.12 -- sh -c 'uname -r; echo c >/proc/sysrq-trigger; sleep 100'
check "6.12 boots" grep -q '^6\.12\.' "$dir/out"
check "a panic fails the run" [ $status = 126 ]
check "and who was called is shown" grep -q 'sysrq_handle_crash' "$dir/err"

start=$SECONDS
boot --timeout 20 -- sh -c 'echo begun; sleep 1000'
check "a command that hangs is ended" [ $status = 124 ]
check "in time" [ $((SECONDS - start)) -lt 60 ]
check "what it said before is there" grep -qx begun "$dir/out"

# It waits without a file, for the host's may be gone before the guest is.
boot -- sh -c 'echo o >/proc/sysrq-trigger; while :; do :; done'
check "a guest that goes away is a failure of the lab" [ $status = 125 ]

boot --topology nonesuch -- true
check "an unknown topology is refused" [ $status = 125 ]
check "and those that there are, are named" grep -q 'default' "$dir/err"
boot --modparam nonsense -- true
check "a wrong option is a failure of the lab, not of the command" [ $status = 125 ]
boot --kernel 5.0 -- true
check "an unknown kernel is refused" [ $status = 125 ]

# 3D: an X server for the run.
mkdir "$dir/none" "$dir/fake"
ln -s "$(command -v qemu-system-x86_64)" "$dir/none"
printf '#!/bin/sh\necho none\n' >"$dir/fake/qemu-system-x86_64"
chmod +x "$dir/fake/qemu-system-x86_64"
PATH=$dir/none boot --topology virgl -- true
check "3D without Xvfb: it is named" [ "$status $(grep -c "needs Xvfb.*make deps" "$dir/err")" = "125 1" ]
PATH=$dir/fake:$PATH boot --topology virgl -- true
check "a QEMU without SDL: it is named" [ "$status $(grep -c "needs qemu-.*SDL.*make deps" "$dir/err")" = "125 1" ]
mkfifo "$dir/up"
$run --topology virgl --no-load -- sh -c 'dmesg | grep features:; sleep 1000' >"$dir/up" 2>"$dir/err" &
lab=$!
read -r line <"$dir/up"
mapfile -t children < <(pgrep -P $lab)
tr '\0' '\n' </proc/"$(pgrep -P $lab qemu)"/environ >"$dir/env"
x=$(sed -n 's/^DISPLAY=://p' "$dir/env")
check "a guest with 3D has it" grep -q '+virgl' <<<"$line"
check "its X server listens to no network" sh -c "! grep -qi ':$(printf %04X $((6000 + x))) ' /proc/net/tcp /proc/net/tcp6"
kill -9 $lab
wait $lab 2>/dev/null
for ((i = 0; i < 100; i++)); do
	ps -p "${children[*]}" >/dev/null || [ -e "/tmp/.X$x-lock" ] || break
	sleep 0.2
done
check "a run that is killed leaves neither QEMU nor the server" [ ${#children[@]} -ge 2 -a $i -lt 100 ]
# Its folder it leaves.
rm -rf "$(sed -n 's,^XAUTHORITY=\(/.*/qwlab\.[^/]*\)/.*,\1,p' "$dir/env")"

# A race is found by CPUs that run at the same time, and only by them.
check "a program with a race is built" \
	gcc -O2 -Wall -Werror -static -pthread -o "$dir/share/race" tests/e2e/race.c
boot --smp 2 --share "$dir/share" -- /share/race
check "on one thread for both CPUs the race is never lost" [ "$status $(cat "$dir/out")" = "0 kept" ]
boot --smp 2 --mttcg --share "$dir/share" -- /share/race
check "--mttcg finds it" [ "$status $(cat "$dir/out")" = "0 lost" ]
boot --mttcg -- true
check "--mttcg with one CPU is refused" [ "$status $(grep -c 'say --smp' "$dir/err")" = "125 1" ]

# What is not there names what brings it; nothing is booted for that.
other=trixie
! grep -q '^VERSION_CODENAME=trixie' /etc/os-release || other=bookworm
cache=$(realpath -m "${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}")
mkdir "$dir/cache"
ln -s "$cache/kernel" "$dir/cache/kernel"
export QWAMOS_CACHE=$dir/cache
boot --userland $other -- true
check "a userland that is missing: what fetches it" \
	[ "$status $(grep -c "tools/deps $other'" "$dir/err")" = "125 1" ]
boot --qemu latest -- true
check "a QEMU that is missing: what fetches it" \
	[ "$status $(grep -c "tools/deps qemu-latest'" "$dir/err")" = "125 1" ]
mkdir -p "$dir/cache/userland/$other/root"
touch "$dir/cache/userland/$other/complete"
boot --userland $other --init systemd -- true
check "a userland without systemd is told from one with it" \
	[ "$status $(grep -c "$other has no systemd" "$dir/err")" = "125 1" ]
QWAMOS_CACHE=$cache
PATH=$dir/old:$PATH
mkdir "$dir/old"
printf '#!/bin/sh\necho QEMU emulator version 7.2.22\n' >"$dir/old/qemu-system-x86_64"
chmod +x "$dir/old/qemu-system-x86_64"
boot --topology venus -- true
check "a QEMU too old for a topology is named" \
	[ "$status $(grep -c 'needs QEMU 10 or newer.*7\.2\.22' "$dir/err")" = "125 1" ]
rm "$dir/old/qemu-system-x86_64"

$run --arch arm64 -- sh -c 'uname -m; lsmod' >"$dir/out" 2>"$dir/err"
status=$?
check "an arm64 guest boots and loads the modules" \
	[ "$status $(head -1 "$dir/out") $(grep -c '^qwamos_' "$dir/out")" = "0 aarch64 2" ]
exit $bad
