#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On a Debian 13, Debian 12 is the other userland: what its guests run is built in it. In a clone,
# with Debian 13's programs in place of this machine's.
# needs: 6.1 trixie kselftest
# timeout: 1800

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP only root may install a Debian of its own"
	exit 0
fi
echo "1..5"
clone=$dir/qwamos-gpu
git clone -q --no-local . "$clone"
# Debian 13 with lists of packages, as it is when somebody has run 'apt-get update'.
run tools/userland trixie -- sh -c '
	mount -t tmpfs lists /var/lib/apt/lists && mkdir /var/lib/apt/lists/partial &&
	apt-get -qq -o APT::Sandbox::User=root update && tools/deps bookworm'
says 0 "userland bookworm: " "Debian 12 is fetched as the other userland"
cd "$clone" || exit 1
run tools/userland trixie -- tools/lab/run --topology none --no-load --userland bookworm -- true
check "without what is built for it, its guests run all the same, and that is said" \
	grep -q "^lab: our programs are built for trixie alone and can't run on bookworm" "$dir/out"
run tools/userland trixie -- tests/run --quick --all "6.1 bookworm no-iommu"
says 0 "^[1-9][0-9]* passed, 0 failed" "it builds in both, and its guests of Debian 12 pass"
check "by what was built in Debian 12" grep -q "^ok .* build: userspace and tests for bookworm" "$dir/out"
run tools/userland trixie -- tools/lab/run --topology none --no-load --userland bookworm -- \
	sh -c '. /etc/os-release; echo $VERSION_CODENAME; qwamos-vfio --version'
says 0 "^bookworm$" "programs run there"
exit $bad
