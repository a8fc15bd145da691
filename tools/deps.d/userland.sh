# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: other Debians than this machine's, in the cache:
#
#   userland/NAME/root      Debian NAME, installed by mmdebstrap, with all packages that the build,
#                           the lab and the tests need; tools/userland runs programs in it,
#                           'tools/lab/run --userland NAME' boots it
#   qemu/latest/root        the newest QEMU and Mesa that Debian has for 13, unpacked

# shellcheck disable=SC2034 # for tools/deps
USERLANDS=(bookworm trixie)
QEMU_SUITES=(trixie trixie-updates trixie-security trixie-backports)

userland_present()
{
	[ "$1" = "$(host_release)" ] ||
		[ "$(cat "$CACHE/userland/$1/complete" 2>/dev/null)" = "$(userland_packages "$1")" ]
}

userland_suites()
{
	echo "$1" "$1-updates" "$1-security"
}

userland_packages()
{
	list_packages - userland "$1" | sort -u
}

plan_userland()
{
	local bytes
	[ "$1" != "$(host_release)" ] || return 0
	[ "$UPDATE" = 1 ] || ! userland_present "$1" || return 0
	# shellcheck disable=SC2046
	apt_root "userland-$1" amd64 $(userland_suites "$1")
	# shellcheck disable=SC2046
	bytes=$(download_size install -y '?essential' apt $(userland_packages "$1"))
	plan "$1" "$bytes" "Debian $1 as a second userland, 1.7 GB unpacked"
}

fetch_userland()
{
	local name=$1 dir=$CACHE/userland/$1 tmp
	# With its package list in the file 'complete', so that another list is another userland.
	[ "$name" != "$(host_release)" ] || return 0
	if userland_present "$name" && [ "$UPDATE" = 0 ]; then
		say "userland $name: $dir"
		return 0
	fi
	mkdir -p "$CACHE/userland"
	(
		flock 9
		if userland_present "$name" && [ "$UPDATE" = 0 ]; then
			exit 0
		fi
		tmp=$CACHE/userland/.new.$name
		as_root rm -rf --one-file-system "$tmp"
		mkdir "$tmp"
		# shellcheck disable=SC2046
		debian_sources $(userland_suites "$name") >"$tmp/$name.list"
		unset APT_CONFIG
		step "installing Debian $name into the cache" run_mmdebstrap "$name" "$tmp" ||
			die "Debian $name could not be installed into $tmp"
		as_root rm -rf --one-file-system "$dir"
		userland_packages "$name" >"$tmp/complete"
		mv -T "$tmp" "$dir"
		say "userland $name: $dir ($(cat "$dir/root/etc/debian_version"))"
	) 9>"$CACHE/userland/$name.lock"
}

# run_mmdebstrap NAME TMP
run_mmdebstrap()
{
	local name=$1 tmp=$2
	as_root mmdebstrap --mode=root --variant=apt \
		--include="$(userland_packages "$name" | tr '\n' ',')" \
		--aptopt='APT::Install-Recommends "false"' --aptopt='APT::Sandbox::User "root"' \
		--aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
		"$name" "$tmp/root" "$tmp/$name.list"
}

qemu_present()
{
	[ -e "$CACHE/qemu/latest/complete" ]
}

qemu_apt()
{
	apt_root qemu-latest amd64 "${QEMU_SUITES[@]}"
	mapfile -t QEMU_INSTALL < <(list_packages qemu)
	QEMU_INSTALL=(install -y -t trixie-backports "${QEMU_INSTALL[@]}")
}

plan_qemu()
{
	[ "$UPDATE" = 1 ] || ! qemu_present || return 0
	qemu_apt
	plan qemu-latest "$(download_size "${QEMU_INSTALL[@]}")" \
		"the newest QEMU and Mesa of Debian's archive"
}

fetch_qemu()
{
	local dir=$CACHE/qemu/latest tmp
	if qemu_present && [ "$UPDATE" = 0 ]; then
		say "QEMU latest: $dir"
		return 0
	fi
	mkdir -p "$CACHE/qemu"
	(
		flock 9
		if qemu_present && [ "$UPDATE" = 0 ]; then
			exit 0
		fi
		qemu_apt
		tmp=$(mktemp -d "$CACHE/qemu/.unpack.XXXXXX")
		# shellcheck disable=SC2064
		trap "rm -rf '$tmp'" EXIT
		chmod 755 "$tmp"
		mkdir -p "$tmp/root" "$tmp/archives/partial"
		STEP_DIR=$tmp/archives STEP_BYTES=$(download_size "${QEMU_INSTALL[@]}") \
			step "downloading QEMU and Mesa" apt-get "${APT_OPTS[@]}" --download-only \
			-o "Dir::Cache::archives=$tmp/archives" "${QEMU_INSTALL[@]}" ||
			die "QEMU of trixie-backports could not be downloaded"
		step "unpacking it" unpack_all "$tmp/archives" "$tmp/root" ||
			die "QEMU of trixie-backports could not be unpacked"
		basename "$tmp"/archives/qemu-system-x86_*.deb .deb >"$tmp/complete"
		rm -rf "$tmp/archives" "$dir"
		mv -T "$tmp" "$dir"
		say "QEMU latest: $(cat "$dir/complete")"
	) 9>"$CACHE/qemu/latest.lock"
}

# unpack_all FROM TO: all packages of a folder. Those of a Debian that has /bin and /lib as links.
unpack_all()
{
	local p
	for p in "$1"/base-files_*.deb "$1"/*.deb; do
		[ ! -e "$p" ] || dpkg -x "$p" "$2" || return 1
	done
}
