# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of guest tests whose VM boots a kernel; needs tap.sh. A VM's console is $dir/serial, what its
# supervisor says $dir/err; what is written to fd 8 is typed.

# boot NAME WORD SECONDS [OPTION]...: starts $dir/vm.yaml and waits until the guest has written a
# line "@WORD"; leaves $vm, its supervisor, and tells what it has taken of time and memory.
boot()
{
	local name=$1 word=$2 most=$3 begin=$SECONDS
	shift 3
	mkfifo "$dir/keys"
	qwamos-vm start "$dir/vm.yaml" --foreground "$@" <"$dir/keys" >"$dir/serial" 2>"$dir/err" &
	vm=$!
	exec 8>"$dir/keys"
	while kill -0 $vm 2>/dev/null && ! grep -q "^@$word" "$dir/serial" && [ $((SECONDS - begin)) -lt "$most" ]; do
		sleep 1
	done
	echo "# it has taken $((SECONDS - begin)) s"
	run qwamos-vm status "$name" --json
	check "what it has taken at most of memory is below its limit" json "$dir/out" "d['cgroup']['memory_peak_bytes'] < 0.9 * d['cgroup']['memory_max_bytes']"
	echo "# memory.peak, MiB: $(python3 -c 'import json, sys; c = json.load(open(sys.argv[1]))["cgroup"]; print(c["memory_peak_bytes"] >> 20, "of", c["memory_max_bytes"] >> 20)' "$dir/out")"
}
