# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For test scripts in the shell: the gate's module with a fault on purpose, and races through a
# gate. Sourced in the work tree, after tap.sh.

CACHE=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}
kernel=$(realpath "$CACHE/kernel/amd64/6.1")
planted=$PWD/build/tests/gate_planted/kmod/gate

# plant: build it for 6.1, by tests/all/gate_planted.c
plant()
{
	rm -rf build/tests/gate_planted && mkdir -p build/tests/gate_planted &&
		cp -r kmod uapi build/tests/gate_planted &&
		mv "$planted/call.c" "$planted/call_as_it_is.c" &&
		cp tests/all/gate_planted.c "$planted/call.c" &&
		make -C "$kernel/root/usr/src/linux-headers-${kernel##*/}" M="$planted" modules \
			KBUILD_EXTRA_SYMBOLS="$PWD/build/kmod/${kernel##*/}/Module.symvers"
}

# races SECONDS OPTION...: all that there are, in a guest with these options, on two CPUs
races()
{
	local seconds=$1
	shift
	run tools/lab/run --smp 2 --mttcg --timeout $((seconds + 250)) --env RACE_SECONDS="$seconds" \
		"$@" -- build/tests/guest/gate_race
}

# lost RACE OPTION...: with the fault, a race is lost, on 6.1. It may take a minute, for on a machine
# that is busy two CPUs of a guest seldom run at the same time.
lost()
{
	local race=$1
	shift
	run tools/lab/run --kernel 6.1 --smp 2 --mttcg --no-load --env RACE_SECONDS=600 \
		--env RACES="$race" "$@" -- sh -c "modprobe qwamos_gpu &&
			insmod '$planted/qwamos_gate.ko' && build/tests/guest/gate_race"
	says 1 "race.c:[0-9]*:$race:Expected .* [(]-4000[)] != ret [(]-4000[)]" "$race is lost"
}
