# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: kernels for the lab, in the cache:
#
#   kernel/ARCH/VERSION/            one unpacked kernel, VERSION as in uname -r
#     root/boot/vmlinuz-VERSION     the packages as dpkg unpacks them
#     root/lib/modules/VERSION/     modules, unpacked
#     root/boot/vmlinux             the kernel, unpacked (x86-64)
#     root/usr/src/linux-headers-VERSION/
#   kernel/ARCH/SERIES              link to the one that is in use, SERIES also "debug"
#   kselftest/                      headers of the kernel's self tests, checkpatch

# kernel_present DEBARCH SERIES
kernel_present()
{
	[ -e "$CACHE/kernel/$1/$2/complete" ]
}

# newest_kernel DEBARCH SERIES: the newest version, as in uname -r, of which apt
# has both image and headers; and the name of the image package.
newest_kernel()
{
	local series=${2//./\\.} v
	while read -r v; do
		apt_knows "linux-headers-$v:$1" || continue
		if apt_knows "linux-image-$v:$1"; then
			echo "$v linux-image-$v"
			return
		elif apt_knows "linux-image-$v-unsigned:$1"; then
			echo "$v linux-image-$v-unsigned"
			return
		fi
	done < <(apt-cache pkgnames "linux-headers-$2" |
		grep -E "^linux-headers-$series[.+-][0-9][0-9.+]*(deb[0-9]+)?(-[0-9]+)?-$1\$" |
		sed 's/^linux-headers-//' | sort -rV)
}

# header_deps DEBARCH PACKAGE: the packages that the headers are made of.
header_deps()
{
	apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances "$2:$1" |
		sed -nE 's/^ *Depends: (linux-(headers|kbuild)-[^ :]*)(:.*)?$/\1/p'
}

# fetch_kernel DEBARCH SERIES
fetch_kernel()
{
	local arch=$1 series=$2 found ver image
	if kernel_present "$arch" "$series" && [ $UPDATE = 0 ]; then
		say "kernel $series for $arch: $(readlink "$CACHE/kernel/$arch/$series")"
		return
	fi
	mkdir -p "$CACHE/kernel/$arch"
	(
		flock 9
		if kernel_present "$arch" "$series" && [ $UPDATE = 0 ]; then
			exit 0
		fi
		found=
		[ "$arch" != amd64 ] || found=$(newest_kernel "$arch" "$series")
		if [ -z "$found" ]; then
			apt_root "$arch"
			found=$(newest_kernel "$arch" "$series")
		fi
		[ -n "$found" ] ||
			die "apt offers no kernel $series for $arch (image and headers)"
		read -r ver image <<<"$found"
		if [ ! -e "$CACHE/kernel/$arch/$ver/complete" ]; then
			unpack_kernel "$arch" "$ver" "$image"
		fi
		ln -sfn "$ver" "$CACHE/kernel/$arch/$series.new"
		mv -T "$CACHE/kernel/$arch/$series.new" "$CACHE/kernel/$arch/$series"
		say "kernel $series for $arch: $ver"
	) 9>"$CACHE/kernel/$arch/$series.lock"
}

# unpack_kernel DEBARCH VERSION IMAGE-PACKAGE
unpack_kernel()
{
	local arch=$1 ver=$2 image=$3 dir=$CACHE/kernel/$1/$2 tmp pkgs p
	pkgs=("$image:$arch" "linux-headers-$ver:$arch")
	for p in $(header_deps "$arch" "linux-headers-$ver"); do
		case $p in
		# The build's tools run here, not there.
		linux-kbuild-*) pkgs+=("$p:amd64") ;;
		*) pkgs+=("$p") ;;
		esac
	done
	[ "$arch" = amd64 ] || pkgs+=("busybox-static:$arch")
	tmp=$(mktemp -d "$CACHE/kernel/$arch/.unpack.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	mkdir "$tmp/deb" "$tmp/new" "$tmp/new/root"
	say "downloading ${pkgs[*]} into $dir"
	download "$tmp/deb" "${pkgs[@]}"
	for p in "$tmp"/deb/*.deb; do
		dpkg -x "$p" "$tmp/new/root"
	done
	rm -rf "$tmp/deb"
	# Headers name each other by absolute paths.
	find "$tmp/new/root/usr/src" -maxdepth 2 -name Makefile -exec \
		sed -i "s#\(include \|:= \)/usr/src#\1$dir/root/usr/src#" {} +
	# Guests would unpack each module at boot, by an emulated CPU.
	find "$tmp/new/root/lib/modules" -name '*.ko.xz' -print0 |
		xargs -0 -r -P "$(nproc)" -n 64 xz -d
	rm -f "$tmp/new/root/lib/modules/$ver"/{build,source}
	chmod -R u+rwX,go+rX "$tmp/new"
	/sbin/depmod -b "$tmp/new/root" "$ver"
	if [ "$arch" = amd64 ]; then
		"$TOP/tools/deps.d/extract-vmlinux" "$tmp/new/root/boot/vmlinuz-$ver" \
			"$tmp/new/root/boot/vmlinux"
	fi
	echo "${pkgs[*]}" >"$tmp/new/complete"
	rm -rf "$dir"
	mv -T "$tmp/new" "$dir"
}

# download DIR PACKAGE...: with one more try after an update of private lists, for
# the machine's own may name what the mirror no longer has.
download()
{
	local dir=$1
	shift
	(cd "$dir" && apt-get "${APT_OPTS[@]}" download "$@" >&2) && return
	if [ -z "${APT_CONFIG:-}" ]; then
		apt_root amd64
		(cd "$dir" && apt-get "${APT_OPTS[@]}" download "$@" >&2) && return
	fi
	die "could not download: $*"
}

kselftest_present()
{
	[ -e "$CACHE/kselftest/kselftest_harness.h" ] &&
		[ -e "$CACHE/kselftest/checkpatch.pl" ]
}

fetch_kselftest()
{
	if kselftest_present; then
		say "kselftest headers: $CACHE/kselftest"
		return
	fi
	mkdir -p "$CACHE"
	(
		flock 9
		kselftest_present && exit 0
		apt_knows linux-source-6.1 || apt_root amd64
		tmp=$(mktemp -d "$CACHE/.kselftest.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$tmp'" EXIT
		mkdir "$tmp/deb" "$tmp/new"
		say "downloading linux-source-6.1, for two headers and checkpatch.pl of it"
		download "$tmp/deb" linux-source-6.1
		dpkg --fsys-tarfile "$tmp"/deb/*.deb |
			tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
			tar -xJ -C "$tmp/new" --transform='s#.*/##' --wildcards \
				'*/tools/testing/selftests/kselftest.h' \
				'*/tools/testing/selftests/kselftest_harness.h' \
				'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
				'*/scripts/const_structs.checkpatch'
		[ -e "$tmp/new/kselftest_harness.h" ] ||
			die "linux-source-6.1 has no kselftest_harness.h"
		rm -rf "$CACHE/kselftest"
		mv -T "$tmp/new" "$CACHE/kselftest"
		say "kselftest headers: $CACHE/kselftest"
	) 9>"$CACHE/kselftest.lock"
}
