#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The lab's other Debian, with systemd as its first process, on the newest kernel.
# needs: latest trixie
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

cache=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}
root=$cache/userland/trixie/root
! grep -q '^VERSION_CODENAME=trixie' /etc/os-release || root=/
if [ "$root" = / ] && [ ! -e /usr/lib/systemd/systemd ]; then
	echo "1..0 # SKIP this Debian 13 has no systemd"
	exit 0
fi
echo "1..9"

mkdir "$dir/share"
# shellcheck disable=SC2016
tools/lab/run --kernel latest --userland trixie --init systemd --topology small --no-load \
	--share "$dir/share" -- bash -c '
	exec >/share/said 2>&1
	(. /etc/os-release; echo "userland $VERSION_CODENAME $LAB_USERLAND")
	echo "first $(tr "\0" " " </proc/1/cmdline)"
	systemctl is-active systemd-udevd dbus systemd-logind lab.service
	echo "failed $(systemctl list-units --failed --no-legend --plain)"
	for node in /dev/dri/card0 /dev/dri/renderD128; do stat -c "node %n %G" $node; done
	echo "started in $(pwd) $(ls -d tools/lab/run)"
	! touch "$QWAMOS_TREE/x" 2>/dev/null || echo "the work tree can be written to"
	touch /usr/x && echo "the userland can be written to"
	udevadm info -q property /dev/dri/card0 | grep ^ID_PATH=
	exit 7' >"$dir/out" 2>"$dir/err"
status=$?
cp "$dir/share/said" "$dir/out"
check "the command's status is the run's" [ $status = 7 ]
check "its userland is Debian 13's" grep -qx "userland trixie trixie" "$dir/out"
check "systemd is the first process" grep -q '^first .*/systemd ' "$dir/out"
check "udev, D-Bus, logind and the command's unit are up" [ "$(grep -cx active "$dir/out")" = 4 ]
check "nothing failed" grep -qx 'failed ' "$dir/out"
check "udev has given the GPUs' nodes to their groups" \
	[ "$(grep -cE '^node /dev/dri/(card0 video|renderD128 render)$' "$dir/out")" = 2 ]
check "and knows them" grep -q '^ID_PATH=pci-' "$dir/out"
check "the work tree is at its place, read-only" \
	sh -c "grep -qx 'started in $PWD tools/lab/run' '$dir/out' && ! grep -q 'work tree can be written' '$dir/out'"
check "nothing of the guest reaches the userland" \
	sh -c "grep -q 'userland can be written' '$dir/out' && [ ! -e '$root/usr/x' ]"
exit $bad
