#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The arm64 guests that make check does not boot.
# needs: 6.12-arm64 latest-arm64
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

echo "1..2"
for kernel in 6.12 latest; do
	run tools/lab/run --arch arm64 --kernel $kernel -- sh -c 'uname -m; lsmod'
	check "arm64, $kernel: it boots and loads the modules" \
		[ "$status $(head -1 "$dir/out") $(grep -c '^qwamos_' "$dir/out")" = "0 aarch64 2" ]
done
exit $bad
