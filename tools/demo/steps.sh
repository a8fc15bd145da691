# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Steps of the demo: each says what it does, shows it, and checks what came of it. Whoever sources
# this sets HERE, the demo's folder, and DIR, where files may go.

STEP=0
FAILED=0

step()
{
	STEP=$((STEP + 1))
	printf '\n== %d. %s\n' $STEP "$1"
}

# show COMMAND...: runs it before the reader's eyes; its output also goes to $DIR/out.
show()
{
	local status
	printf '   $ %s\n' "${*//$HERE\//}"
	"$@" >"$DIR/out" 2>&1
	status=$?
	sed 's/^/   | /' "$DIR/out"
	return $status
}

# check WHAT COMMAND...: one thing that must be so.
check()
{
	local what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		printf '   PASS  %s\n' "$what"
	else
		printf '   FAIL  %s\n' "$what"
		FAILED=$((FAILED + 1))
	fi
}

# ended STATUS EXPECTED WHAT: that a command ended with the status that it should.
ended()
{
	check "$3" test "$1" = "$2"
}

out_has()
{
	grep -qE "$1" "$DIR/out"
}

out_lacks()
{
	! grep -qE "$1" "$DIR/out"
}

# all_held: whether no check has failed, and how many have.
all_held()
{
	echo
	if [ $FAILED = 0 ]; then
		echo "All checks of all $STEP steps passed."
		return 0
	fi
	echo "$FAILED checks FAILED."
	return 1
}
