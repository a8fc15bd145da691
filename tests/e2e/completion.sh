#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Completion in bash, sourced as a login shell would have it, and held against what the programs
# themselves say that they accept.
# timeout: 120

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
bin=$PWD/build/bin
# shellcheck source=userspace/install/qwamos.bash-completion
. userspace/install/qwamos.bash-completion

# complete_at LINE: what TAB would offer at its end, sorted, in one line
complete_at()
{
	local COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
	_qwamos "${1%% *}"
	printf '%s\n' "${COMPREPLY[@]}" | sort -u | paste -sd' '
}

# accepted PROGRAM COMMAND...: options that it has, after its own words
accepted()
{
	local program=$1
	shift
	"$bin/$program" "$@" --no-such-option 2>&1 | sed -n 's/.*; accepted: *//p' | tr -s ' ' '\n' |
		sort -u | paste -sd' '
}

# offers LINE WORDS NAME
offers()
{
	local got
	got=$(complete_at "$1")
	if [ "$got" = "$2" ]; then ok "$3"; else not_ok "$3" "'$1' offers: $got" "expected: $2"; fi
}

# options COMMAND...: the same as the program has
options()
{
	offers "$* --" "$(accepted "$@")" "options of $*"
}

echo "TAP version 13"
for program in qwamos-gpu qwamos-vfio qwamos-vm; do
	check "$program is completed" sh -c "grep -q '^complete .*$program' userspace/install/qwamos.bash-completion"
	offers "$program " "$("$bin/$program" no-such-command 2>&1 | sed -n 's/.*; accepted: *//p' |
		tr -s ' ' '\n' | sort -u | paste -sd' ')" "commands of $program"
done
for command in vm config export; do
	offers "qwamos-gpu $command " "$("$bin/qwamos-gpu" $command no-such-command 2>&1 |
		sed -n 's/.*; accepted: *//p' | tr -s ' ' '\n' | sort -u | paste -sd' ')" "commands of qwamos-gpu $command"
done
offers "qwamos-gpu audit " "head verify" "commands of qwamos-gpu audit"
for command in info detect topology "config check" "config show" "export libvirt" qemu-args policy "vm list" "vm show" "vm set" "vm run" check charge audit "audit verify" \
	"audit head" monitor top; do
	# shellcheck disable=SC2086
	options qwamos-gpu $command
done
for command in start stop status info list set; do
	options qwamos-vm $command
done
# These share one table of options.
all=$(for command in list status bind unbind release restore; do
	complete_at "qwamos-vfio $command --" | tr ' ' '\n'
done | sort -u | paste -sd' ')
check "options of qwamos-vfio" [ "$all" = "$(accepted qwamos-vfio bind)" ]

events=$("$bin/qwamos-gpu" audit --event none 2>&1 | sed -n 's/.*one of \(.*\) accepted/\1/p' |
	tr -d , | tr ' ' '\n' | sort | paste -sd' ')
offers "qwamos-gpu audit --vm a --event " "$events" "events"
offers "qwamos-gpu audit --event OPERATION_D" OPERATION_DENIED "an event by its beginning"
offers "qwamos-gpu policy " "high low medium system untrusted" "levels"
offers "qwamos-gpu vm run a --level " "high low medium system untrusted" "levels of an option"
offers "qwamos-gpu vm run a --user roo" "root" "users of an option"
offers "qwamos-gpu vm run a --vram " "" "no word for a number"
offers "qwamos-gpu check rendering_2d video_" "video_decode video_encode" "operations"
offers "qwamos-gpu pol" policy "a command by its beginning"
offers "qwamos-gpu audit ver" verify "a command of a command by its beginning"
offers "qwamos-gpu vm run a --level low -- bas" "$(compgen -c bas | sort -u | paste -sd' ')" "commands behind --"
touch "$dir/saved log" "$dir/saved"
offers "qwamos-gpu audit verify $dir/sav" "$dir/saved" "files"
# VMs by their folders, and those that run by their records.
mkdir -p "$dir/vms/kali-vm" "$dir/vms/empty" "$dir/vms/vault-vm" "$dir/run" "$dir/none"
touch "$dir/vms/kali-vm/config.yaml" "$dir/vms/vault-vm/config.yaml" "$dir/run/other.json"
export QWAMOS_VMS_DIR=$dir/vms QWAMOS_RUN_DIR=$dir/run
for command in start stop status info set; do
	offers "qwamos-vm $command " "kali-vm other vault-vm" "VMs for $command"
done
offers "qwamos-vm status ka" kali-vm "a VM by its beginning"
offers "qwamos-vm info --vms-dir $dir/none " other "VMs of another folder, and those that run"
offers "qwamos-vm info $dir/vms/k" "$dir/vms/kali-vm" "a VM by its path"
offers "qwamos-vm info --vms-dir $dir/v" "$dir/vms" "folders"
QWAMOS_RUN_DIR=$dir/none offers "qwamos-vm stop --vms-dir $dir/none " "" "no VM where there is none"
accepts=$(QWAMOS_RUN_DIR=$dir/none "$bin/qwamos-vm" set kali-vm x=1 2>&1 | sed -n 's/.*; accepted: *//p' |
	tr ' ' '\n' | sort | paste -sd' ')
check "set tells its keys" test -n "$accepts"
offers "qwamos-vm set kali-vm " "$accepts" "keys of set"
offers "qwamos-vm set --vms-dir $dir/vms kali-vm vram=1 c" "cap= compute=" "a key by its beginning"
offers "qwamos-vm set kali-vm level=" "high low medium system untrusted" "levels behind the equals sign"
offers "qwamos-vm set kali-vm vulkan=o" "off on" "what switches take"
# Addresses have colons, at which readline breaks words.
_qwamos_gpus()
{
	echo 0000:01:00.0 0000:02:00.0
}
offers "qwamos-vfio bind " "0000:01:00.0 0000:02:00.0" "addresses of GPUs"
offers "qwamos-vfio bind 0000:0" "01:00.0 02:00.0" "what is behind the last colon"
offers "qwamos-vfio bind 0000:01:" "00.0" "and behind the second"
offers "qwamos-gpu vm run a --device 0000:02:" "00.0" "also of an option"
offers "qwamos-vm set kali-vm device=" "0000:01:00.0 0000:02:00.0" "and behind an equals sign"
offers "qwamos-vm set kali-vm device=0000:02:" "00.0" "and a colon"
echo "1..$n"
exit $bad
