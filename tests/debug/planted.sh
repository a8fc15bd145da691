#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Faults planted in a module of our own: the debug kernel tells of each, and the lab fails the run.
# timeout: 900
# needs: debug

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

CACHE=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}
kernel=$(realpath "$CACHE/kernel/amd64/debug")
out=$PWD/build/tests/debug/planted

# boot FAULT...: all of them in one guest
boot()
{
	run tools/lab/run --kernel debug --topology none --no-load --timeout 400 \
		--append kasan_multi_shot -- sh -c "insmod '$out/planted.ko' && for f in $*; do
			echo \$f >/sys/module/planted/parameters/fault || exit; done"
}

# told PATTERN WHAT: the lab took a line of the kernel for a complaint, and failed the run
told()
{
	says 126 "^    \[[^]]*\].* $1" "$2"
}

echo "1..8"
mkdir -p "$out"
cp tests/debug/planted/* "$out"
check "the module is built" make -C "$kernel/root/usr/src/linux-headers-${kernel##*/}" M="$out" modules

# After its first report of a lock, or one of KASAN's, lockdep is off.
boot rcu atomic undefined lock-order use-after-free out-of-bounds
told 'WARNING: suspicious RCU usage' "lockdep: RCU without its lock"
told 'BUG: sleeping function called from invalid context' "sleeping under a spinlock"
told 'UBSAN: shift-out-of-bounds in .*planted.c' "UBSAN: a shift by too much"
told 'WARNING: possible circular locking dependency' "lockdep: locks in both orders"
told 'BUG: KASAN: slab-use-after-free in use_after_free' "KASAN: memory used after its free"
told 'BUG: KASAN: slab-out-of-bounds in out_of_bounds' "KASAN: memory behind an allocation"

boot lock-recursion
told 'WARNING: possible recursive locking' "lockdep: two locks of one class"
exit $bad
