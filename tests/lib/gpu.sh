# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# VMs for test scripts in a guest. Sourced after tap.sh.
# shellcheck disable=SC2154	# dir and status are of that one

# silent NAME: the last run came to status 0, and said nothing
silent()
{
	if [ "$status" = 0 ] && [ ! -s "$dir/out" ]; then
		ok "$1"
	else
		not_ok "$1" "status $status, expected 0 and no word:" "$(cat "$dir/out")"
	fi
}

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

vm_there()
{
	qwamos-gpu vm show "$1" 2>/dev/null | grep -q " live, process "
}

vm_gone()
{
	! qwamos-gpu vm show "$1" >/dev/null 2>&1
}

# vm_up NAME LEVEL [OPTION]...: a VM whose process sleeps, as nobody else, until vm_down NAME
vm_up()
{
	local name=$1 level=$2
	shift 2
	qwamos-gpu vm run "$name" --user 4711:4711 --quiet --level "$level" "$@" -- sleep 4321 &
	soon vm_there "$name" || not_ok "VM $name runs" "$(qwamos-gpu vm list)"
}

vm_down()
{
	if ! qwamos-vm stop "$1" || ! soon vm_gone "$1"; then
		not_ok "VM $1 ends" "$(qwamos-gpu vm list)"
	fi
}
