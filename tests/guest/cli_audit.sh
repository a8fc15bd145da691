#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu audit (filters, --follow, --save, verify, head), monitor and top, as people use them.

set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
lib=$(dirname "$0")/../lib

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

# vm NAME LEVEL COMMAND...: a VM in the background, once it runs
vm()
{
	qwamos-gpu vm run "$1" --as-root --level "$2" --quiet -- "${@:3}" &
	soon sh -c "qwamos-gpu vm list | grep -q ' $1 .* live '"
}

end()
{
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# tamper FILE PYTHON: the lines of a saved log, as list "l"; R(seq, chain) is the place of a record
tamper()
{
	python3 - "$1" "$dir/forged" "$2" <<-'END'
		import json, sys
		l = open(sys.argv[1]).read().splitlines()
		def R(seq, chain=None):
		    return next(i for i, x in enumerate(l) if '"seq":%d,"order"' % seq in x and
		                (chain is None or x.startswith('{"chain":%d,' % chain)))
		exec(sys.argv[3])
		open(sys.argv[2], "w").write("\n".join(l) + "\n")
	END
}

# forged WHAT PYTHON PATTERN: a log that was changed so is found, by number
forged()
{
	tamper "$dir/a.log" "$2"
	run qwamos-gpu audit verify "$dir/forged" --head "$head"
	says 1 "$3" "$1"
}

echo "TAP version 13"

# Something to tell of.
qwamos-gpu vm run a --as-root --level low --quiet -- true
qwamos-gpu vm run b --as-root --level high --quiet -- sh -c 'qwamos-gpu vm list; true' 2>/dev/null
qwamos-gpu vm run a --as-root --level untrusted --quiet -- sh -c 'qwamos-gpu vm list; true' 2>/dev/null

# Filters.
run qwamos-gpu audit --vm a --limit 1000
says 0 " a POLICY_CREATED: trust level LOW " "a line as people know it"
says 0 " a POLICY_CREATED: trust level UNTRUSTED " "of both VMs of that name"
check "and of no other VM" sh -c "! grep -v ' a [A-Z_]*' $dir/out"
id=$(qwamos-gpu audit --vm b --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["chain"])')
run qwamos-gpu audit --vm "$id" --json
check "--vm with a number: that chain" json "$dir/out" "d and {r['chain'] for r in d} == {$id} and {r['vm'] for r in d} == {'b'}"
run qwamos-gpu audit --vm a --event policy_created --json
check "--vm and --event together" json "$dir/out" "[(r['event'], r['level']) for r in d] == [('POLICY_CREATED', 'low'), ('POLICY_CREATED', 'untrusted')]"
run qwamos-gpu audit --vm a --limit 3 --json
cp "$dir/out" "$dir/three"
qwamos-gpu audit --vm a --json >"$dir/all"
check "--limit: the newest" python3 -c "
import json
three, all = ([r['hash'] for r in json.load(open(f))] for f in ('$dir/three', '$dir/all'))
assert len(three) == 3 and three == all[-3:]"
run qwamos-gpu audit --event NOTHING
says 2 "'NOTHING' found, one of POLICY_CREATED, .*, VRAM_QUOTA_EXCEEDED, .* accepted" "an event that there is not"
run qwamos-gpu audit --limit 0
says 2 "'0' found, a number from 1 to 65536 accepted" "--limit 0"
run qwamos-gpu audit --save "$dir/x" --event VM_CREATED
says 2 "--save takes whole chains" "--save of single records is refused"
check "and writes nothing" test ! -e "$dir/x"
run qwamos-gpu audit --vm nobody --save "$dir/x"
says 1 "knows no VM 'nobody'" "--save of an unknown VM is refused"
run qwamos-gpu audit --save /nonexistent/x
says 1 "/nonexistent/x: No such file or directory" "--save to where nothing can be written"

# A saved log, by this program and by other code.
run qwamos-gpu audit --save "$dir/log"
says 0 "records of [0-9]+ chains saved to $dir/log" "--save"
check "for its owner only" test "$(stat -c %a "$dir/log")" = 600
run qwamos-gpu audit verify "$dir/log"
says 0 "sound, and anchored to the running kernel" "verify, against the running kernel"
check "its hashes are those of its bytes" python3 "$lib/saved_log.py" "$dir/log"
run qwamos-gpu audit verify "$dir/log" --json
check "as JSON" json "$dir/out" "d['sound'] and d['anchored'] and not d['findings'] and len(d['chains']) >= 4"
qwamos-gpu audit head "$dir/log" >"$dir/heads"
run qwamos-gpu audit head
check "heads of the log and of the kernel are the same" cmp "$dir/heads" "$dir/out"
# shellcheck disable=SC2046
run qwamos-gpu audit verify "$dir/log" $(sed 's/ .*//; s/^/--head /' "$dir/heads")
says 0 "sound, and anchored to the given head" "verify, against heads that were kept"
run qwamos-gpu audit verify - <"$dir/log"
says 0 "anchored" "from standard input"
qwamos-gpu audit --vm "$id" --save "$dir/b.log" 2>/dev/null
run qwamos-gpu audit verify "$dir/b.log" --head "$(qwamos-gpu audit head --vm "$id" | sed 's/^[0-9]*://; s/ .*//')"
says 0 "sound, and anchored" "a log of one VM, against SEQ:HASH"

# What is done to one. VM a's second chain has at least 5 records.
a=$(qwamos-gpu audit --vm a --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[-1]["chain"])')
qwamos-gpu audit --vm "$a" --save "$dir/a.log" 2>/dev/null
head=$(qwamos-gpu audit head --vm "$a" | cut -d' ' -f1)
last=$(cut -d: -f2 <<<"$head")
check "the chain is long enough for what follows" test "$last" -ge 5
for seq in 1 3 "$last"; do
	forged "record $seq was changed" "l[R($seq)] = l[R($seq)].replace('\"pid\":', '\"pid\":1')" "record $seq was changed"
	forged "record $seq was dropped" "del l[R($seq)]" "record $seq is missing"
done
forged "a refusal was made an allowance" "i = next(i for i, x in enumerate(l) if 'CALL_REFUSED' in x); l[i] = l[i].replace('-13', '0')" "record [0-9]+ was changed"
forged "the name was changed" "l[R(2)] = l[R(2)].replace('\"vm\":\"a\"', '\"vm\":\"b\"')" "record 2 was changed"
forged "a hash was changed" "l[R(2)] = l[R(2)][:-6] + '0000\"}'" "record 2 was changed"
forged "two records were swapped" "i, j = R(2), R(4); l[i], l[j] = l[j], l[i]" "record 2 stands in the wrong place, where record 4 "
forged "the first and the last were swapped" "i, j = R(1), R($last); l[i], l[j] = l[j], l[i]" "record $last stands in the wrong place"
forged "neighbours were swapped" "i, j = R(2), R(3); l[i], l[j] = l[j], l[i]" "record 3 stands in the wrong place, where record 2 "
forged "a record was repeated" "l.insert(R(2), l[R(2)])" "record 2 stands there twice"
forged "the tail was cut off, with the head" "del l[R($last):]" "record $last is missing: the tail was cut off"
forged "no record is left" "del l[1:-1]" "records 1 to $last are missing"
forged "a record can't be read" "l[R(2)] = l[R(2)][:-1]" "line 3 can't be read: not JSON"
# Forged so well that the log fits itself.
cut='del l[R('$last')]; h = json.loads(l[-1]); h["seq"] -= 1; h["hash"] = json.loads(l[-2])["hash"]
l[-1] = json.dumps(h, separators=(",", ":")); t = json.loads(l[0]); t["records"] -= 1
l[0] = json.dumps(t, separators=(",", ":"))'
forged "the tail was cut off, and the file's own head moved" "$cut" "record $last is missing: the tail was cut off"
run qwamos-gpu audit verify "$dir/forged"
says 1 "record $last is missing: the tail was cut off" "which the running kernel knows, too"
python3 "$lib/saved_log.py" "$dir/a.log" --rewrite "$dir/forged"
run qwamos-gpu audit verify "$dir/forged" --head "$head"
says 1 "record $last is not that of the given head: the log was written anew" "all of it was written anew"
run qwamos-gpu audit verify "$dir/forged"
says 1 "the log was written anew" "which the running kernel knows, too"
# Of another load of the module, nobody can tell.
python3 "$lib/saved_log.py" "$dir/a.log" --rewrite "$dir/other" --instance 00112233445566778899aabbccddeeff
run qwamos-gpu audit verify "$dir/other"
says 3 "sound, but not anchored" "a log of another load of the module, without a head, is not anchored"
says 3 "the log is not the running kernel's" "and that is told"
run qwamos-gpu audit verify "$dir/other" --head "$head"
says 1 "NOT SOUND" "against the true head it is found"
run qwamos-gpu audit verify "$dir/log" --head "$head"
says 3 "not anchored" "chains without a head are not anchored"
run qwamos-gpu audit verify "$dir/a.log" --head "2:$(printf '0%.0s' {1..64})"
says 1 "hash of record 2 is not that of the given head" "a wrong head"
run qwamos-gpu audit verify "$dir/a.log" --head 2:xyz
says 2 "'2:xyz' found, SEQ:HASH or CHAIN:SEQ:HASH, .*accepted" "no head"
run qwamos-gpu audit verify
says 2 "needs FILE" "no file"
run qwamos-gpu audit verify "$dir/nothing"
says 1 "nothing: No such file" "a file that is not there"
run qwamos-gpu audit verify /etc/passwd
says 1 "/etc/passwd:1: not JSON" "a file that is no log"
run qwamos-gpu audit verify /dev/null
says 1 "/dev/null: no regular file; accepted: a regular file" "what has no end, or may have none"
: >"$dir/empty"
run qwamos-gpu audit verify "$dir/empty"
says 1 "empty: not a saved audit log: it is empty" "an empty file"

# Live. Since 6.16 or so a socket may have room for 4 MiB, which these VMs would not fill.
echo 212992 >/proc/sys/net/core/rmem_max
qwamos-gpu audit --follow --vm f --limit 5 >"$dir/follow" 2>&1 &
follow=$!
qwamos-gpu audit --follow --json --limit 1 >"$dir/follow.json" 2>"$dir/follow.err" &
follow_json=$!
qwamos-gpu monitor >"$dir/monitor" 2>&1 &
monitor=$!
qwamos-gpu monitor --json >"$dir/monitor.json" 2>&1 &
monitor_json=$!
soon sh -c "qwamos-gpu vm run f --as-root --level medium --quiet -- true; grep -q VM_DESTROYED $dir/follow && grep -q VM_DESTROYED $dir/monitor && grep -q VM_DESTROYED $dir/monitor.json && grep -q VM_DESTROYED $dir/follow.json"
check "--follow tells what comes" grep -q ' f POLICY_CREATED: trust level MEDIUM' "$dir/follow"
check "and of no other VM" sh -c "! grep -v ' f ' $dir/follow"
check "monitor tells records" grep -q ' f POLICY_CREATED: trust level MEDIUM' "$dir/monitor"
check "and states" grep -qE '^VM f \([0-9]+\) is live' "$dir/monitor"
soon grep -qE '^VM f \([0-9]+\) is ending: LEADER_EXITED' "$dir/monitor"
check "with why one ended" grep -qE '^VM f \([0-9]+\) is ending: LEADER_EXITED' "$dir/monitor"
# Who reads too slowly loses messages, is told so, and has the records from the log.
# The VM before may have been made when a reader had not begun.
kill -STOP $follow $follow_json $monitor $monitor_json
check "600 VMs come and go" python3 "$lib/many_vms.py" 600 f
# Records are sealed and sent later, in their order: all are once the last VM's can be read.
python3 "$lib/many_vms.py" 1 last
soon sh -c "qwamos-gpu audit --vm last | grep -q VM_DESTROYED"
check "the log has the last VM's end" sh -c "qwamos-gpu audit --vm last | grep -q VM_DESTROYED"
kill -CONT $follow $follow_json $monitor $monitor_json
soon sh -c "qwamos-gpu vm run f --as-root --level low --quiet -- true; grep -q '^lost: [0-9]* messages of the group audit' $dir/monitor && grep -q '^lost: [0-9]* messages of the group state' $dir/monitor"
check "monitor tells how many records it has lost" grep -qE '^lost: [1-9][0-9]* messages of the group audit' "$dir/monitor"
check "and how many states" grep -qE '^lost: [1-9][0-9]* messages of the group state' "$dir/monitor"
for file in follow follow.json; do
	soon sh -c "[ \$(grep -c VM_CREATED $dir/$file) -ge 601 ]"
	check "--follow has lost none: $file" sh -c "[ \$(grep -c VM_CREATED $dir/$file) -ge 601 ]"
done
check "and says of none that it was" sh -c "! grep 'are gone' $dir/follow $dir/follow.err"
end $follow
end $follow_json
end $monitor
end $monitor_json
check "monitor --json: an object on each line" python3 -c "
import json
lines = [json.loads(x) for x in open('$dir/monitor.json')]
assert {x['type'] for x in lines} == {'audit', 'state', 'lost'}
assert all(x['count'] > 0 and x['group'] in ('audit', 'state') for x in lines if x['type'] == 'lost')
assert any(x['type'] == 'audit' and x['record']['event'] == 'VM_JOINED' for x in lines)
assert any(x['type'] == 'state' and x['kind'] == 'VM' and x['state'] == 'ending' for x in lines)"
run qwamos-gpu audit verify "$dir/follow.json"
says 3 "sound, but not anchored|sound, but record" "what --follow --json prints can be verified"
check "without a record missing" sh -c "! grep -q missing $dir/out"
cp -p "$(command -v qwamos-gpu)" "$dir/qwamos-gpu"
chmod 755 "$dir"
run setpriv --reuid 65534 --clear-groups "$dir/qwamos-gpu" monitor
says 1 "needs CAP_SYS_ADMIN in the initial user namespace" "monitor is refused without privilege"
run setpriv --reuid 65534 --clear-groups unshare -Ur "$dir/qwamos-gpu" monitor
says 1 "needs CAP_SYS_ADMIN|sends no messages" "also to root of a user namespace"
run unshare -n qwamos-gpu monitor
says 1 "not the initial network namespace" "and elsewhere than in the initial network namespace"
run timeout 3 unshare -n qwamos-gpu audit --follow --limit 1
says 124 "[A-Z_]+" "where --follow still works"

# top.
run qwamos-gpu top --once
says 0 "no VMs" "top --once without a VM"
vm t medium sleep 1000
top=$!
run qwamos-gpu top --once
says 0 "^ +[0-9]+ t +medium +\[\.+\] +0/512 +50% none " "top --once"
run qwamos-gpu top --once --json
check "top --once --json" json "$dir/out" "[(v['name'], v['level'], v['vram']['limit_bytes'], v['vram']['enforced_by'], v['compute']['cap_percent'], v['ops_per_s'], v['denied']) for v in d['vms']] == [('t', 'medium', 512 << 20, 'none', 50, 0.0, 0)] and 0.9 < d['interval_s'] < 20"
qwamos-gpu top --once --json --interval 3 >"$dir/out" &
once=$!
sleep 0.5
for i in 1 2 3 4; do qwamos-gpu check --vm t rendering_2d passthrough >/dev/null; done
wait $once
check "operations and denials in a second" json "$dir/out" "d['vms'][0]['ops_per_s'] > 0 and d['vms'][0]['denied_per_s'] > 0 and d['vms'][0]['denied'] >= 4"
run qwamos-gpu top
says 1 "needs a terminal.*use --once" "top without a terminal"
run qwamos-gpu top --json
says 2 "--json is for --once" "top --json alone"
run qwamos-gpu top --once --interval 0
says 2 "'0' found, a number from 1 to 3600 accepted" "top --interval 0"
check "top in a terminal: resized, stopped, killed" python3 "$lib/top_pty.py" t
end $top
soon sh -c 'qwamos-gpu vm list | grep -q "^no VMs"'
check "and no VM was kept alive" sh -c 'qwamos-gpu vm list | grep -q "^no VMs"'
echo "1..$n"
exit "$bad"
