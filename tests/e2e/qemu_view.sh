#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the QEMU of Debian 13 has in it is what was planned; the unit test asks this machine's.
# With arguments, of these in the cache: bookworm, trixie, latest.
# needs: packages trixie

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

cache=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}
this=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)

# root NAME: where it is; this machine's own needs none
root()
{
	case $1 in
	latest) echo "$cache/qemu/latest/root" ;;
	"$this") ;;
	*) echo "$cache/userland/$1/root" ;;
	esac
}

[ $# -gt 0 ] || set -- trixie
for name; do
	# shellcheck disable=SC2046
	check "QEMU of $name: both architectures" build/tests/unit/test_qemu_view $(root "$name")
done
echo "1..$n"
exit $bad
