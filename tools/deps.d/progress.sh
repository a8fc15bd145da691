# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps and others: what it is that takes so long.

say()
{
	echo "deps: $*"
}

die()
{
	echo "deps: $*" >&2
	exit 1
}

# megabytes BYTES
megabytes()
{
	echo "$((($1 + 500000) / 1000000)) MB"
}

# step TEXT COMMAND...: runs COMMAND; tells that it does, and how long it has been at it, on a
# terminal by the second, else now and then. What COMMAND prints is shown only if it fails. Set
# STEP_DIR and STEP_BYTES to have told how much of a download has come.
step()
{
	local text=$1 log pid start=$SECONDS shown=0 every=15 status=0 more bytes
	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	# What runs in the background is told of no Ctrl-C.
	# shellcheck disable=SC2064
	trap "pkill -TERM -P $pid; kill $pid; rm -f '$log'; exit 130" INT TERM
	if [ -t 1 ]; then
		every=1
	else
		say "$text"
	fi
	while kill -0 $pid 2>/dev/null; do
		sleep 0.2
		[ $((SECONDS - start - shown)) -ge $every ] || continue
		shown=$((SECONDS - start))
		more="$shown s"
		if [ -n "${STEP_DIR:-}" ] && [ -n "${STEP_BYTES:-}" ]; then
			bytes=$(du -sb "$STEP_DIR" 2>/dev/null | cut -f 1)
			more+=", $(megabytes "${bytes:-0}") of $(megabytes "$STEP_BYTES")"
		fi
		if [ -t 1 ]; then
			printf '\r\033[Kdeps: %s (%s)' "$text" "$more"
		else
			say "$text ($more)"
		fi
	done
	wait $pid || status=$?
	trap - INT TERM
	[ ! -t 1 ] || printf '\r\033[Kdeps: %s (%s s)\n' "$text" "$((SECONDS - start))"
	[ $status = 0 ] || tail -n 40 "$log" >&2
	rm -f "$log"
	return $status
}
