#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The sandbox, as tests/guest/cli_sandbox.sh tries it, around the newest QEMU that Debian has for 13.
# needs: 6.1 6.12 trixie qemu-latest
# timeout: 1800

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

share=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}/qemu/latest/root
for kernel in 6.1 6.12; do
	# Its files lie over Debian 13's; what is mounted below these stays.
	# shellcheck disable=SC2016	# for the guest's shell
	run tools/lab/run --kernel $kernel --userland trixie --mem 1280 --timeout 850 --share "$share" -- \
		sh -c 'modules=$(mktemp -d) && mount --rbind /usr/lib/modules "$modules" &&
			mount -t overlay qemu -o lowerdir=/share/usr:/usr /usr &&
			mount --rbind "$modules" /usr/lib/modules &&
			qemu-system-x86_64 --version && exec "$0"' "$PWD/tests/guest/cli_sandbox.sh"
	says 0 '^QEMU emulator version 1[1-9]' "$kernel: the newest QEMU, with nothing that failed"
	while read -r line; do
		case $line in
		'ok '*) ok "$kernel: ${line#*- }" ;;
		*) not_ok "$kernel: ${line#*- }" "$(grep -FA12 "$line" "$dir/out")" ;;
		esac
	done < <(grep -E '^(not )?ok ' "$dir/out")
done
echo "1..$n"
exit $bad
