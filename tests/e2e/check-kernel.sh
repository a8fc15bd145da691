#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/check-kernel on Debian's configurations, whole and with single options taken away.
# needs: 6.1 6.12 6.1-arm64

cd "$(dirname "$0")/../.." || exit 1
cache=${QWAMOS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/qwamos-gpu}/kernel
x86=$(echo "$cache"/amd64/6.1/root/boot/config-*)
new=$(echo "$cache"/amd64/6.12/root/boot/config-*)
arm=$(echo "$cache"/arm64/6.1/root/boot/config-*)
latest=$(echo "$cache"/amd64/latest/root/boot/config-*)
latest_arm=$(echo "$cache"/arm64/latest/root/boot/config-*)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
bad=0

# expect NAME STATUS PATTERN ARGUMENT...: a line of the output matches, the status is this.
expect()
{
	local name=$1 status=$2 pattern=$3 rc
	shift 3
	n=$((n + 1))
	tools/check-kernel "$@" >"$dir/out" 2>&1
	rc=$?
	if [ $rc = "$status" ] && grep -qE -- "$pattern" "$dir/out"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "# status $rc, wanted $status with /$pattern/:"
		sed 's/^/# /' "$dir/out"
		bad=1
	fi
}

# without CONFIG OPTION...: CONFIG with these options not set.
without()
{
	local config=$1 o expressions=()
	shift
	for o; do
		expressions+=(-e "s/^CONFIG_$o=.*/# CONFIG_$o is not set/")
	done
	sed "${expressions[@]}" "$config" >"$dir/config"
}

expect "Debian's 6.1 has all" 0 'has all that is needed \(x86\)' "$x86"
expect "Debian's 6.12 has all" 0 'has all that is needed \(x86\)' "$new"
expect "Debian's 6.1 for arm64 has all" 0 'has all that is needed \(arm64\)' "$arm"
for c in "$latest" "$latest_arm"; do
	if [ -e "$c" ]; then
		expect "Debian 13's ${c##*/} has all" 0 'has all that is needed' "$c"
	else
		n=$((n + 1))
		echo "ok $n - no newest kernel in the cache # SKIP"
	fi
done
expect "the versions that were tried are named" 0 '^tried on Linux 6\.1\.[^,]*, 6\.12\.[^,]*, [0-9.]+ \(x86\)$' "$x86"
expect "and those for arm64" 0 '^tried on Linux 6\.1\.[^,]*, 6\.12\.[^,]*, [0-9.]+ \(arm64\)$' "$arm"
for v in "6.5.13 between them" "5.15.0 older than any of them" "99.1.0-rc1 newer than any of them"; do
	sed "s|^\(# Linux/x86\) .* \(Kernel Configuration\)|\1 ${v%% *} \2|" "$x86" >"$dir/config"
	expect "Linux ${v%% *} is ${v#* }" 0 "^tried .*; [0-9.]+ is ${v#* } and was not\$" "$dir/config"
done
sed '/^# Linux/d' "$x86" >"$dir/config"
expect "a configuration without a version" 0 '^tried on [^;]*$' "$dir/config"
gzip -c "$x86" >"$dir/config.gz"
expect "a compressed configuration is read" 0 'has all' "$dir/config.gz"

for o in MODULES PCI PCI_MSI VFIO VFIO_PCI IOMMU_SUPPORT CGROUPS EVENTFD IRQ_REMAP DRM; do
	without "$x86" $o
	expect "$o: told, and nothing else" 1 "^lacks CONFIG_$o=[ym]: .*not set" "$dir/config"
	n=$((n + 1))
	if [ "$(grep -c ^lacks "$dir/out")" = 1 ]; then
		echo "ok $n - $o: one thing lacks"
	else
		echo "not ok $n - $o: one thing lacks"
		bad=1
	fi
done

without "$x86" INTEL_IOMMU
expect "one IOMMU driver of two suffices" 0 'has all' "$dir/config"
without "$x86" INTEL_IOMMU AMD_IOMMU
expect "without both, both are named" 1 'CONFIG_INTEL_IOMMU=y or CONFIG_AMD_IOMMU=y' "$dir/config"
without "$arm" ARM_SMMU_V3 ARM_SMMU QCOM_IOMMU
expect "on arm64 it is the SMMU" 1 '^lacks CONFIG_ARM_SMMU_V3=m or CONFIG_ARM_SMMU=m' "$dir/config"
without "$x86" VFIO_IOMMU_TYPE1
echo CONFIG_IOMMUFD=m >>"$dir/config"
expect "iommufd instead of type1" 0 'has all' "$dir/config"
sed 's/^CONFIG_CGROUPS=y/CONFIG_CGROUPS=m/' "$x86" >"$dir/config"
expect "what must be built in may not be a module" 1 'lacks CONFIG_CGROUPS=y.*is m' "$dir/config"
sed 's/^CONFIG_VFIO=m/CONFIG_VFIO=y/' "$x86" >"$dir/config"
expect "what may be a module may be built in" 0 'has all' "$dir/config"
{
	cat "$x86"
	echo CONFIG_MODULE_SIG_FORCE=y
} >"$dir/config"
expect "forced signatures are noted" 0 'note: CONFIG_MODULE_SIG_FORCE=y.*modules_sign' "$dir/config"

echo "no configuration" >"$dir/config"
expect "a file that is no configuration" 2 'not a kernel configuration' "$dir/config"
expect "a file that is not there" 2 'No such file' "$dir/nothing"
head -c 200 "$dir/config.gz" >"$dir/cut.gz"
expect "a compressed file cut short" 2 'cut.gz' "$dir/cut.gz"
expect "an unknown option" 2 'unrecognized' --nonsense
echo "1..$n"
exit $bad
