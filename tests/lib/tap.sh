# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For test scripts in the shell: numbered points, a folder of their own, and what people ask of a
# command. Sourced; leaves $dir, which is removed at the end, and $bad, 1 after a failed point.
# shellcheck disable=SC2034	# bad and status are for who sources this

dir=$(mktemp -d "/tmp/$(basename "$0" .sh).XXXXXX")
trap 'rm -rf "$dir"' EXIT
n=0
bad=0

# ok NAME
ok()
{
	n=$((n + 1))
	echo "ok $n - $1"
}

# not_ok NAME LINE...: with the lines as comments
not_ok()
{
	n=$((n + 1))
	bad=1
	echo "not ok $n - $1"
	shift
	printf '%s\n' "$@" | sed 's/^/# /'
}

# check NAME COMMAND...: passed if COMMAND succeeds; else what the last run printed is told, too
check()
{
	local name=$1
	shift
	if "$@" >"$dir/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name" "$*" "$(cat "$dir/check")" "$(cat "$dir/out" "$dir/err" 2>/dev/null)"
	fi
}

# run COMMAND...: its output goes to $dir/out, its status to $status
run()
{
	"$@" >"$dir/out" 2>&1
	status=$?
}

# says STATUS PATTERN NAME: what the last run came to
says()
{
	if [ "$status" = "$1" ] && { [ -z "$2" ] || grep -qE -- "$2" "$dir/out"; }; then
		ok "$3"
	else
		not_ok "$3" "status $status, expected $1 and '$2':" "$(cat "$dir/out")"
	fi
}

# json FILE EXPRESSION: is the Python expression true of the document d?
json()
{
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1" "$2"
}
