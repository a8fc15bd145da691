#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which kernel tools/deps takes, of what archives had on some days: tests/data/archive holds what
# 'downloadable' made of their lists.

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tools/deps.d/choose.sh
. tools/deps.d/choose.sh
data=tests/data/archive

# chosen NAME LIST ARCH LOWEST HIGHEST EXPECTED...
chosen()
{
	local name=$1 list=$2 got
	got=$(choose_kernel "$3" "$4" "$5" <"$list" | tr ' ' '\n')
	shift 5
	if [ "$got" = "$(printf '%s\n' "$@")" ]; then
		ok "$name"
	else
		not_ok "$name" "expected: $*" "got: $got"
	fi
}

# without PATTERN LIST: the archive without these packages. The same with what they need stays,
# as names that others only mention do.
without()
{
	grep -vE "^($1)( |\$)" "$2"
}

cp $data/bookworm-2026-11-28 "$dir/12"
cp $data/trixie-backports-2026-11-28 "$dir/13"

chosen "headers came before the signed image: the unsigned one is taken" "$dir/12" amd64 6.1 6.1 \
	6.1.0-57-amd64 linux-image-6.1.0-57-amd64-unsigned linux-headers-6.1.0-57-amd64 \
	linux-headers-6.1.0-57-common linux-kbuild-6.1
without 'linux-image-6.1.0-57-amd64-unsigned' "$dir/12" >"$dir/12u"
chosen "no image at all of the newest: the one before" "$dir/12u" amd64 6.1 6.1 \
	6.1.0-56-amd64 linux-image-6.1.0-56-amd64 linux-headers-6.1.0-56-amd64 \
	linux-headers-6.1.0-56-common linux-kbuild-6.1
without 'linux-headers-6.1.0-57-amd64' "$dir/12" >"$dir/12h"
chosen "no headers of the newest: the one before" "$dir/12h" amd64 6.1 6.1 \
	6.1.0-56-amd64 linux-image-6.1.0-56-amd64 linux-headers-6.1.0-56-amd64 \
	linux-headers-6.1.0-56-common linux-kbuild-6.1
without 'linux-headers-6.1.0-57-common' "$dir/12" >"$dir/12c"
chosen "headers whose other half lacks" "$dir/12c" amd64 6.1 6.1 \
	6.1.0-56-amd64 linux-image-6.1.0-56-amd64 linux-headers-6.1.0-56-amd64 \
	linux-headers-6.1.0-56-common linux-kbuild-6.1
chosen "arm64, beside amd64 in one list" "$dir/12" arm64 6.1 6.1 \
	6.1.0-57-arm64 linux-image-6.1.0-57-arm64-unsigned linux-headers-6.1.0-57-arm64 \
	linux-headers-6.1.0-57-common linux-kbuild-6.1
chosen "6.1 is not 6.12" "$dir/12" amd64 6.12 6.12 \
	6.12.117+deb12-amd64 linux-image-6.12.117+deb12-amd64 linux-headers-6.12.117+deb12-amd64 \
	linux-headers-6.12.117+deb12-common linux-kbuild-6.12.117+deb12
chosen "7.x, of many packages" "$dir/13" amd64 6.13 7.3 \
	7.3.4+deb13-amd64 linux-image-7.3.4+deb13-amd64 linux-base-7.3.4+deb13-amd64 \
	linux-binary-7.3.4+deb13-amd64 linux-modules-7.3.4+deb13-amd64 \
	linux-headers-7.3.4+deb13-amd64 linux-headers-7.3.4+deb13-common linux-kbuild-7.3.4+deb13
without 'linux-modules-7.3.4.*' "$dir/13" >"$dir/13m"
chosen "an image whose modules are not there yet" "$dir/13m" amd64 6.13 7.3 \
	7.2.12+deb13-amd64 linux-image-7.2.12+deb13-amd64 linux-base-7.2.12+deb13-amd64 \
	linux-binary-7.2.12+deb13-amd64 linux-modules-7.2.12+deb13-amd64 \
	linux-headers-7.2.12+deb13-amd64 linux-headers-7.2.12+deb13-common linux-kbuild-7.2.12+deb13
without 'linux-.*-7\.3\..*' "$dir/13" >"$dir/13o"
chosen "the series tried is gone: the newest below it" "$dir/13o" amd64 6.13 7.3 \
	7.2.12+deb13-amd64 linux-image-7.2.12+deb13-amd64 linux-base-7.2.12+deb13-amd64 \
	linux-binary-7.2.12+deb13-amd64 linux-modules-7.2.12+deb13-amd64 \
	linux-headers-7.2.12+deb13-amd64 linux-headers-7.2.12+deb13-common linux-kbuild-7.2.12+deb13
without 'linux-.*-7\.2\..*' "$dir/13" | sed 's/7\.3\.4/7.12.1/g' >"$dir/13n"
chosen "nothing at or below it: none" "$dir/13n" amd64 6.13 7.3 ""
chosen "nothing at or below it, but newer: what check-latest takes" "$dir/13n" amd64 6.13 999 \
	7.12.1+deb13-amd64 linux-image-7.12.1+deb13-amd64 linux-base-7.12.1+deb13-amd64 \
	linux-binary-7.12.1+deb13-amd64 linux-modules-7.12.1+deb13-amd64 \
	linux-headers-7.12.1+deb13-amd64 linux-headers-7.12.1+deb13-common linux-kbuild-7.12.1+deb13
chosen "no 6.12 in a suite for newer ones" "$dir/12" amd64 6.13 7.3 ""
chosen "an empty archive" /dev/null amd64 6.1 6.1 ""
sed 's/7\.3\.4+deb13/7.3~rc4/g' "$dir/13" >"$dir/13r"
chosen "no release candidates" "$dir/13r" amd64 7.3 7.3 ""
{
	cat "$dir/13"
	sed 's/7\.3\.4+deb13/7.3.10+deb13/g' "$dir/13" | grep 7.3.10
} >"$dir/13d"
chosen "7.3.10 is newer than 7.3.4" "$dir/13d" arm64 6.13 7.3 \
	7.3.10+deb13-arm64 linux-image-7.3.10+deb13-arm64 linux-base-7.3.10+deb13-arm64 \
	linux-binary-7.3.10+deb13-arm64 linux-modules-7.3.10+deb13-arm64 \
	linux-headers-7.3.10+deb13-arm64 linux-headers-7.3.10+deb13-common linux-kbuild-7.3.10+deb13

echo "1..$n"
exit "$bad"
