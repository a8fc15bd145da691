# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: kernels for the lab, as the file 'kernels' lists them, in the cache:
#
#   kernel/ARCH/VERSION/            one unpacked kernel, VERSION as in uname -r
#     root/boot/vmlinuz-VERSION     the packages as dpkg unpacks them
#     root/boot/config-VERSION
#     root/lib/modules/VERSION/     modules, unpacked
#     root/boot/vmlinux             the kernel, unpacked (x86-64)
#     root/usr/src/linux-headers-VERSION/
#   kernel/ARCH/NAME                link to the one that is in use, NAME also "debug"
#   kernel/ARCH/NAME.none           why there is none: the archive has none of its series
#   kernel/ARCH/NAME.row            the line of 'kernels' by which it was chosen
#   kselftest/                      headers of the kernel's self tests, checkpatch

declare -A CHOSEN # WHAT -> 'VERSION PACKAGE...'

# kernel_rows: a line 'NAME LOWEST HIGHEST ARCH USERLAND SUITE...' for each kernel and architecture.
kernel_rows()
{
	awk '!/^#/ && NF {
		n = split($4, arch, ",")
		gsub(",", " ", $6)
		for (i = 1; i <= n; i++)
			print $1, $2, $3, arch[i], $5, $6
	}' "$TOP/tools/deps.d/kernels"
}

# kernel_whats: what tools/deps calls them: 6.1, 6.1-arm64, ...
kernel_whats()
{
	kernel_rows | awk '{ print $1 ($4 == "amd64" ? "" : "-" $4) }'
}

# kernel_row WHAT: its line.
kernel_row()
{
	kernel_rows | awk -v what="$1" '$1 ($4 == "amd64" ? "" : "-" $4) == what'
}

# kernel_present DEBARCH NAME
kernel_present()
{
	[ -e "$CACHE/kernel/$1/$2/complete" ]
}

# True if there is nothing to fetch for WHAT: it is there, or was looked for in vain within a day;
# and that by the row that WHAT has now.
kernel_settled()
{
	local name arch of
	read -r name _ _ arch _ < <(kernel_row "$1")
	of=$CACHE/kernel/$arch/$name
	[ ! -e "$of.row" ] || [ "$(cat "$of.row")" = "$(kernel_row "$1")" ] || return 1
	kernel_present "$arch" "$name" || [ -n "$(find "$of.none" -mmin -1440 2>/dev/null)" ]
}

# kernel_root WHAT: the private apt root with its suites.
kernel_root()
{
	local arch suites
	read -r _ _ _ arch _ suites < <(kernel_row "$1")
	[ "$arch" = amd64 ] || arch=amd64,$arch
	# shellcheck disable=SC2086
	apt_root "kernel-$1" "$arch" $suites
}

# qualified ARCH PACKAGE...: with architectures, where apt could not tell. The build's tools run
# here, not there.
qualified()
{
	local arch=$1 p
	shift
	for p; do
		case $p in
		*-"$arch" | *-"$arch"-unsigned) echo "$p:$arch" ;;
		*) echo "$p:amd64" ;;
		esac
	done
}

# plan_kernel WHAT: chooses a kernel, sets CHOSEN, and plans to download it if it is not in the
# cache.
plan_kernel()
{
	local what=$1 name low high arch version packages
	read -r name low high arch _ < <(kernel_row "$what")
	[ "$UPDATE" = 1 ] || ! kernel_settled "$what" || return 0
	mkdir -p "$CACHE/kernel/$arch"
	kernel_root "$what"
	downloadable >"$CACHE/apt/kernel-$what/kernels"
	kernel_row "$what" >"$CACHE/kernel/$arch/$name.row"
	CHOSEN[$what]=$(choose_kernel "$arch" "$low" "$high" <"$CACHE/apt/kernel-$what/kernels")
	if [ -z "${CHOSEN[$what]}" ]; then
		no_kernel "$what"
		return 0
	fi
	rm -f "$CACHE/kernel/$arch/$name.none"
	read -r version packages <<<"${CHOSEN[$what]}"
	[ ! -e "$CACHE/kernel/$arch/$version/complete" ] || return 0
	# shellcheck disable=SC2046,SC2086
	plan "$what" "$(download_size download $(qualified "$arch" $packages))" "kernel $version"
}

# no_kernel WHAT: the archive has none. Only for 'latest' is that no failure.
no_kernel()
{
	local name low high arch suites has
	read -r name low high arch _ suites < <(kernel_row "$1")
	has=$(choose_kernel "$arch" 0 999 <"$CACHE/apt/kernel-$1/kernels" | cut -d ' ' -f 1)
	if [ -n "$has" ]; then
		has="the newest it has is $has"
	else
		has="it has none at all"
	fi
	has="${suites// /, } of Debian has no kernel of the series $low to $high for $arch with image and headers; $has"
	[ "$name" = latest ] || die "$has"
	if kernel_present "$arch" "$name"; then
		say "$has: $(readlink "$CACHE/kernel/$arch/$name") stays"
		return 0
	fi
	echo "$has" >"$CACHE/kernel/$arch/$name.none"
	say "$has: what runs on '$name' is skipped; 'make check-latest' tries the newest"
}

# fetch_kernel WHAT
fetch_kernel()
{
	local what=$1 name arch version packages
	read -r name _ _ arch _ < <(kernel_row "$what")
	if [ -z "${CHOSEN[$what]:-}" ]; then
		! kernel_present "$arch" "$name" ||
			say "kernel $name for $arch: $(readlink "$CACHE/kernel/$arch/$name")"
		return 0
	fi
	read -r version packages <<<"${CHOSEN[$what]}"
	(
		flock 9
		if [ ! -e "$CACHE/kernel/$arch/$version/complete" ]; then
			kernel_root "$what"
			# shellcheck disable=SC2046,SC2086
			unpack_kernel "$arch" "$version" $(qualified "$arch" $packages)
		fi
		ln -sfn "$version" "$CACHE/kernel/$arch/$name.new"
		mv -T "$CACHE/kernel/$arch/$name.new" "$CACHE/kernel/$arch/$name"
		say "kernel $name for $arch: $version"
	) 9>"$CACHE/kernel/$arch/$version.lock"
}

# unpack_kernel DEBARCH VERSION PACKAGE...
unpack_kernel()
{
	local arch=$1 ver=$2 dir=$CACHE/kernel/$1/$2 tmp
	shift 2
	tmp=$(mktemp -d "$CACHE/kernel/$arch/.unpack.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	mkdir "$tmp/deb" "$tmp/new" "$tmp/new/root"
	download "kernel $ver" "$tmp/deb" "$@"
	if [ "$arch" != amd64 ]; then
		(apt_root busybox "amd64,$arch" bookworm && download "busybox for $arch" "$tmp/deb" "busybox-static:$arch") || exit 1
	fi
	step "unpacking kernel $ver" lay_out_kernel "$arch" "$ver" "$tmp" "$dir" ||
		die "kernel $ver could not be unpacked"
	echo "$*" >"$tmp/new/complete"
	chmod 755 "$tmp/new"
	rm -rf "$dir"
	mv -T "$tmp/new" "$dir"
}

# lay_out_kernel DEBARCH VERSION TMP DIR: TMP/deb/*.deb as TMP/new/root, which will be DIR/root.
lay_out_kernel()
{
	local arch=$1 ver=$2 tmp=$3 dir=$4 root=$3/new/root f
	unpack_all "$tmp/deb" "$root" || return 1
	rm -rf "$tmp/deb"
	# Since 7.0 or so all of it is below /usr/lib/modules.
	if [ ! -e "$root/lib/modules" ]; then
		mkdir -p "$root/lib" "$root/boot"
		ln -s ../usr/lib/modules "$root/lib/modules"
		for f in vmlinuz config System.map; do
			ln -s "../usr/lib/modules/$ver/$f" "$root/boot/$f-$ver" || return 1
		done
	fi
	# Headers name each other by absolute paths.
	find "$root/usr/src" -maxdepth 2 -name Makefile -exec \
		sed -i "s#\(include \|=\|= \)/usr/src#\1$dir/root/usr/src#" {} + || return 1
	# Guests would unpack each module at boot, by an emulated CPU.
	find "$root/lib/modules/" -name '*.ko.xz' -print0 |
		xargs -0 -r -P "$(nproc)" -n 64 xz -d || return 1
	rm -f "$root/lib/modules/$ver"/{build,source}
	chmod -R u+rwX,go+rX "$tmp/new" || return 1
	[ -e "$root/boot/vmlinuz-$ver" ] && [ -e "$root/usr/src/linux-headers-$ver/Makefile" ] &&
		/sbin/depmod -b "$root" "$ver" || return 1
	[ "$arch" != amd64 ] ||
		"$TOP/tools/deps.d/extract-vmlinux" "$root/boot/vmlinuz-$ver" "$root/boot/vmlinux"
}

# download TEXT DIR PACKAGE...: from the private apt root in use.
download()
{
	local text=$1 dir=$2
	shift 2
	STEP_DIR=$dir STEP_BYTES=$(download_size download "$@") \
		step "downloading $text" apt_download "$dir" "$@" || die "could not download: $*"
}

apt_download()
{
	cd "$1" || return 1
	shift
	apt-get "${APT_OPTS[@]}" download "$@"
}

kselftest_present()
{
	[ -e "$CACHE/kselftest/kselftest_harness.h" ] &&
		[ -e "$CACHE/kselftest/checkpatch.pl" ]
}

plan_kselftest()
{
	! kselftest_present || return 0
	apt_root source-6.1 amd64 bookworm
	plan kselftest "$(download_size download linux-source-6.1)" \
		"linux-source-6.1, for two headers and checkpatch.pl"
}

fetch_kselftest()
{
	if kselftest_present; then
		say "kselftest headers: $CACHE/kselftest"
		return
	fi
	(
		flock 9
		kselftest_present && exit 0
		apt_root source-6.1 amd64 bookworm
		tmp=$(mktemp -d "$CACHE/.kselftest.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$tmp'" EXIT
		mkdir "$tmp/deb" "$tmp/new"
		download linux-source-6.1 "$tmp/deb" linux-source-6.1
		step "unpacking what is needed of it" unpack_kselftest "$tmp" ||
			die "linux-source-6.1 could not be unpacked"
		rm -rf "$CACHE/kselftest"
		mv -T "$tmp/new" "$CACHE/kselftest"
		say "kselftest headers: $CACHE/kselftest"
	) 9>"$CACHE/kselftest.lock"
}

# unpack_kselftest TMP: of TMP/deb/*.deb into TMP/new
unpack_kselftest()
{
	dpkg --fsys-tarfile "$1"/deb/*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$1/new" --transform='s#.*/##' --wildcards \
			'*/tools/testing/selftests/kselftest.h' \
			'*/tools/testing/selftests/kselftest_harness.h' \
			'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
			'*/scripts/const_structs.checkpatch' &&
		[ -e "$1/new/kselftest_harness.h" ]
}
