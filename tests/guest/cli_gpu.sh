#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu policy, check, vm show, info, as people use them. Names in brackets are those that users
# of the prototype know: its calls, and what its tests tested.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/gpu.sh
. "$(dirname "$0")/../lib/gpu.sh"

echo "TAP version 13"

# Wrong use is told, with what is accepted; --help is there for each command.
for c in info policy check charge "vm list" "vm show" "vm set" "vm run" audit; do
	# shellcheck disable=SC2086
	run qwamos-gpu $c --help
	says 0 "^usage: qwamos-gpu $c" "$c --help"
	wrong=2
	[ "$c" != "vm run" ] || wrong=125
	# shellcheck disable=SC2086
	run qwamos-gpu $c --nonsense
	says $wrong "qwamos-gpu $c: unknown option '--nonsense'; accepted: .*--help" "$c: an unknown option"
done
run qwamos-gpu
says 2 "^usage: qwamos-gpu COMMAND" "no command"
run qwamos-gpu polcy
says 2 "'polcy' is no command; accepted: .* policy .*check charge audit" "an unknown command"
run qwamos-gpu vm show
says 2 "vm show: needs one NAME or ID, for this is no VM's process" "vm show of no VM"
run qwamos-gpu vm show nobody
says 1 "there is no VM 'nobody': qwamos-gpu vm list" "vm show of an unknown VM"
run qwamos-gpu check --vm nobody rendering_2d
says 3 "there is no VM 'nobody'" "check of an unknown VM: it could not be asked"
run qwamos-gpu check rendering_2d
says 3 "this is no VM's process.*--vm NAME" "check without a VM"
run env QWAMOS_GPU_VM_FD=x qwamos-gpu check rendering_2d
says 3 "QWAMOS_GPU_VM_FD: 'x' found, the number of an open file accepted" "a bad fd in the environment"
run env QWAMOS_GPU_VM_FD=77 qwamos-gpu check rendering_2d
says 3 "QWAMOS_GPU_VM_FD: 77 is no fd of a VM: Bad file descriptor" "a closed fd in the environment"
run env QWAMOS_GPU_VM_FD=0 qwamos-gpu check rendering_2d </dev/null
says 3 "QWAMOS_GPU_VM_FD: 0 is no fd of a VM" "another file's fd in the environment"
run qwamos-gpu check --vm nobody
says 2 "check: needs one OPERATION or more" "check of no operation"
# shellcheck disable=SC2046
run qwamos-gpu check --vm nobody $(yes rendering_2d | head -1025)
says 2 "no further 'rendering_2d'" "check of more operations than one call takes"

# The table, from the specification.
cat >"$dir/table.py" <<'END'
LEVELS = {
    "untrusted": (128, 10, "none", 0, 100, True, False, 100, 50),
    "low": (256, 25, "graphics", 4, 50, True, True, 1000, 500),
    "medium": (512, 50, "graphics+compute", 4, 10, False, True, 5000, 2500),
    "high": (1024, 80, "full", 8, 0, False, True, 0, 0),
    "system": (2048, 100, "full", 16, 0, False, True, 0, 0),
}
OPS = {
    "rendering_2d": "yes yes yes yes yes",
    "rendering_3d": "no yes yes yes yes",
    "compute_shader": "no no yes yes yes",
    "vulkan_compute": "no no yes yes yes",
    "video_decode": "no yes yes yes yes",
    "video_encode": "no no yes yes yes",
    "passthrough": "no no no no yes",
}


def allows(level):
    return [op for op, row in OPS.items() if row.split()[list(LEVELS).index(level)] == "yes"]


def rows():
    for number, (name, row) in enumerate(LEVELS.items()):
        yield {"level": name, "number": number, "vram_mib": row[0],
               "compute_cap_percent": row[1], "vulkan": row[2], "vulkan_queues": row[3],
               "min_interval_ms": row[4], "needs_iommu": row[5], "may_share": row[6],
               "submissions_per_second": row[7], "submissions_at_once": row[8],
               "operations": allows(name)}
END
table()
{
	PYTHONPATH=$dir python3 -c "import json, sys, table; d = json.load(open('$dir/out')); sys.exit(not ($1))"
}

run qwamos-gpu policy --json
check "policy --json is the table of the specification" table 'd == list(table.rows())'
run qwamos-gpu policy medium --json
check "policy LEVEL is its row" table 'd == list(table.rows())[2:3]'
run qwamos-gpu policy
says 0 "^untrusted +128 +10% none +0 +100 +yes +no$" "[UNTRUSTED restricted] at most 128 MiB, 10 %, no Vulkan, IOMMU required"
says 0 "^system +2048 +100% full +16 +0 +no +yes$" "[SYSTEM full]"
says 0 "^vulkan_compute +no +no +yes +yes +yes" "policy tells the operations, too"
run qwamos-gpu policy root
says 2 "'root' is no level; accepted: untrusted, low, medium, high or system" "policy of an unknown level"
run qwamos-gpu policy low high
says 2 "takes one LEVEL, no further 'high'" "policy of two levels"

# A VM's first policy is that of its level.
for level in untrusted low medium high system; do
	run qwamos-gpu vm run "first-$level" --as-root --quiet --level $level -- qwamos-gpu vm show --json
	check "[create_policy] a VM at $level" json "$dir/out" "(d['level'], d['denied']) == ('$level', 0)"
	run qwamos-gpu audit --vm "first-$level" --event POLICY_CREATED
	says 0 " first-$level POLICY_CREATED: trust level ${level^^}( |$)" "is in the log"
	check "once" test "$(wc -l <"$dir/out")" = 1
done

# Every level, by the kernel's verdicts. Each answer has its own time between operations: 0.12 s.
ops="rendering_2d rendering_3d compute_shader vulkan_compute video_decode video_encode passthrough"
vm_up a untrusted
for level in untrusted low medium high system; do
	run qwamos-gpu vm set a --level $level
	silent "vm set --level $level"
	sleep 0.12
	# shellcheck disable=SC2086
	run qwamos-gpu check --vm a --json $ops
	check "[validate_operation] $level: each operation as in the table" table \
		"{r['op']: r['allowed'] for r in d} == {op: op in table.allows('$level') for op in table.OPS}"
	check "and the reason is the level" table "all(r['reason'] == (None if r['allowed'] else 'LEVEL') for r in d)"
	wanted=1
	[ $level != system ] || wanted=0
	says $wanted "" "the status is $wanted"
	run qwamos-gpu vm show a --json
	check "vm show tells the level's limits" table "(lambda r: (d['level'], d['vram']['limit_bytes'] >> 20, \
		d['compute']['cap_percent'], d['vulkan'], d['vulkan_queues']['limit'], d['rate']['min_interval_ms'], d['operations']) == \
		(r['level'], r['vram_mib'], r['compute_cap_percent'], r['vulkan'], r['vulkan_queues'], r['min_interval_ms'], \
		r['operations']))(list(table.rows())[table.LEVELS and list(table.LEVELS).index('$level')])"
done

# Text of verdicts, as the log has them, too.
run qwamos-gpu check --vm a vulkan_compute
says 0 "^OPERATION_ALLOWED: vulkan_compute$" "[operations validated] allowed"
run qwamos-gpu vm set a --level untrusted
run qwamos-gpu check --vm a rendering_3d
says 1 "^OPERATION_DENIED: rendering_3d, not allowed at UNTRUSTED$" "[operations validated] denied"
run qwamos-gpu check --vm a mining
says 1 "^OPERATION_DENIED: mining, UNKNOWN_OPERATION: there is no such operation$" "an unknown operation is denied"
run qwamos-gpu check --vm a --json mining none
check "in JSON, too, and so is no operation" json "$dir/out" \
	"d == [{'op': o, 'allowed': False, 'reason': 'UNKNOWN_OPERATION'} for o in ('mining', 'none')]"
sleep 0.12
run qwamos-gpu check --vm a rendering_2d rendering_2d
says 1 "^OPERATION_RATE_LIMITED: rendering_2d, RATE: too soon" "the second of a kind at once is too soon"
check "the first was allowed" grep -q "^OPERATION_ALLOWED: rendering_2d$" "$dir/out"
sleep 0.12
run qwamos-gpu check --vm a rendering_2d
says 0 "^OPERATION_ALLOWED" "and the next, after the level's 100 ms"
id=$(qwamos-gpu vm list | awk '$2 == "a" { print $1 }')
sleep 0.12
run qwamos-gpu check --vm "$id" rendering_2d
says 0 "^OPERATION_ALLOWED" "a VM is found by its id, too"
run qwamos-gpu check --vm a --device 0000:77:00.0 rendering_2d
says 3 "--device: there is no GPU 0000:77:00.0" "check on a GPU that is not there"
run qwamos-gpu check --vm a --device gpu0 rendering_2d
says 3 "--device: 'gpu0' found, an address such as" "check on what is no address"

# A VM without a policy.
cat >"$dir/no_policy.py" <<'END'
import fcntl, struct, time, os
ctl = os.open("/dev/qwamos_gpu", os.O_RDWR)
create = bytearray(struct.pack("<IIII iI 64s Q ii", 104, 2, 0, 0, -1, 0, b"bare", 0, 0, 0))
fcntl.ioctl(ctl, 0xb901, create)
time.sleep(1000)
END
python3 "$dir/no_policy.py" &
bare=$!
soon sh -c 'qwamos-gpu vm list | grep -q " bare "' || not_ok "a VM without a policy" "$(qwamos-gpu vm list)"
run qwamos-gpu check --vm bare rendering_2d
says 1 "^OPERATION_DENIED: rendering_2d, NO_POLICY: the VM has no policy yet" "[no policy = denied]"
run qwamos-gpu vm show bare
says 0 "Level: +none, 0 % of GPU time, priority [0-9]+, 1 denied" "vm show of it"
run qwamos-gpu vm set bare --vram 10
says 1 "VM bare has no policy yet: a level is needed first" "its first policy needs a level"
run qwamos-gpu vm set bare --level low
silent "and with one it is made"
sleep 0.06
run qwamos-gpu check --vm bare rendering_2d
says 0 "^OPERATION_ALLOWED" "and holds"
kill $bare
wait $bare 2>/dev/null

# The VM's own process.
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu check rendering_2d compute_shader
says 1 "^OPERATION_DENIED: compute_shader, not allowed at LOW$" "check in a VM's process is about its own VM"
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu vm show --json
check "vm show, too" json "$dir/out" "d['name'] == 'b' and d['level'] == 'low'"
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu info --json
check "and info tells of it" json "$dir/out" "d['vm']['name'] == 'b' and 'vms' not in d and 'policy' in d['capabilities']"
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu policy low --json
check "and policy answers there" json "$dir/out" "d[0]['vram_mib'] == 256"
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu vm set b --level system
says 1 "a VM manages none" "but it can't set its level"
run qwamos-gpu vm run b --as-root --quiet --level low -- qwamos-gpu check --vm a rendering_2d
says 3 "a VM manages none" "nor ask for another VM"

# info, and who enforces what.
run qwamos-gpu info --json
check "info --json tells who enforces which limit" json "$dir/out" \
	"d['vms'] == 1 and set(d['enforced_by']) == {'vram', 'compute', 'vulkan_queues', 'rate'} and \
	all(sum(v.values()) == 1 for v in d['enforced_by'].values())"
run qwamos-gpu info
says 0 "^limits: +vram +enforced by: none \(1 VMs\)$" "and so does info"
run qwamos-gpu vm show a
says 0 "VRAM: +0 of 128 MiB \(most so far: 0 MiB; enforced by: none\)" "[print_policy_summary] vm show: VRAM"
says 0 "Vulkan: +none, 0 of 0 queues \(enforced by: none\)" "[print_policy_summary] Vulkan"
says 0 "Level: +untrusted, 10 % of GPU time, priority 50, [1-9][0-9]* denied" "[print_policy_summary] level, share, priority, denials"
says 0 "GPU time: +at most 10 %, guaranteed 0 % \(enforced by: none\)" "GPU time"
says 0 "Rate: +100 ms between two operations of a kind \(enforced by: none\)" "rate"
says 0 "Denied: .*LEVEL [0-9]+, .*RATE 1.*UNKNOWN_OPERATION 3" "and denials by reason"
run qwamos-gpu vm list --json
check "vm list --json has the limits" json "$dir/out" \
	"[(v['name'], v['vram']['limit_bytes'], v['rate']['enforced_by']) for v in d] == [('a', 128 << 20, 'none')]"

# The log.
run qwamos-gpu audit --vm a --event OPERATION_DENIED --limit 1000
says 0 "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+ [0-9]+/[0-9]+ a OPERATION_DENIED: rendering_3d, not allowed at UNTRUSTED" "[get_audit_log] by VM and event: time, event, VM, details"
check "and of no other VM or event" sh -c "! grep -v ' a OPERATION_DENIED:' $dir/out"
run qwamos-gpu audit --vm a --limit 1000
says 0 " a POLICY_CREATED: trust level UNTRUSTED" "[audit written] the policy"
says 0 " a POLICY_CHANGED: trust level SYSTEM" "and its changes"
says 0 " a OPERATION_ALLOWED: vulkan_compute" "what was allowed"
says 0 " a OPERATION_RATE_LIMITED: rendering_2d" "and what came too soon"
all=$(qwamos-gpu audit --limit 65536 | wc -l)
run qwamos-gpu audit
check "[get_audit_log] 100 records, if nobody says how many" test "$(wc -l <"$dir/out")" = $((all < 100 ? all : 100))
run qwamos-gpu audit --vm bare --limit 1000
check "[filtered by VM]" sh -c "grep -q ' bare POLICY_CREATED: trust level LOW' $dir/out && ! grep -v ' bare ' $dir/out"
vm_down a
echo "1..$n"
