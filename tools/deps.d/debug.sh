# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: the lab's debug kernel, built from Debian's linux-source with
# tools/lab/debug.config. VERSION ends in a hash of that file, so that another
# configuration is another kernel:
#
#   kernel/amd64/VERSION-debug-HASH/    as tools/lab/add-kernel lays it out
#   kernel/amd64/debug                  link to it
#   debug-build/VERSION-debug-HASH/     the build; stays only if it fails or is
#                                       interrupted, and is gone on with then

DEBUG_SERIES=6.12
DEBUG_SUITE=bookworm-security
DEBUG_CONFIG=$TOP/tools/lab/debug.config

# What of the file makes a difference to the kernel.
debug_hash()
{
	grep '^CONFIG_' "$DEBUG_CONFIG" | sort | sha256sum | cut -c 1-8
}

# True if a debug kernel of today's configuration is there.
debug_present()
{
	local version
	kernel_present amd64 debug || return 1
	version=$(readlink "$CACHE/kernel/amd64/debug")
	[ "${version##*-}" = "$(debug_hash)" ]
}

plan_debug()
{
	local packages
	! debug_present || [ "$UPDATE" = 1 ] || return 0
	mapfile -t packages < <(list_packages debug)
	(unset APT_CONFIG; install_packages "${packages[@]}")
	apt_root "source-$DEBUG_SERIES" amd64 "$DEBUG_SUITE"
	plan debug "$(download_size download "linux-source-$DEBUG_SERIES")" \
		"linux-source-$DEBUG_SERIES; the build takes 3 GB of room"
}

fetch_debug()
{
	if debug_present && [ "$UPDATE" = 0 ]; then
		say "kernel debug: $(readlink "$CACHE/kernel/amd64/debug")"
		return
	fi
	mkdir -p "$CACHE/kernel/amd64" "$CACHE/debug-build"
	(
		flock 9
		if debug_present && [ "$UPDATE" = 0 ]; then
			exit 0
		fi
		apt_root "source-$DEBUG_SERIES" amd64 "$DEBUG_SUITE"
		deb=$(apt-cache show --no-all-versions "linux-source-$DEBUG_SERIES" |
			sed -n 's/^Version: //p')
		[ -n "$deb" ] || die "$DEBUG_SUITE of Debian has no linux-source-$DEBUG_SERIES"
		origin="linux-source-$DEBUG_SERIES $deb $(debug_hash)"
		if debug_present && [ "$(cat "$CACHE/kernel/amd64/debug/complete")" = "$origin" ]; then
			say "kernel debug: $(readlink "$CACHE/kernel/amd64/debug") is the newest"
			exit 0
		fi
		name=-debug-$(debug_hash)
		build=$CACHE/debug-build/${deb%%-*}$name
		unpack_source "$build" "$deb"
		configure_debug "$build/linux" "$name"
		build_debug "$build"
		"$TOP/tools/lab/add-kernel" "$build/linux" debug "$origin"
		rm -rf "$build"
	) 9>"$CACHE/kernel/amd64/debug.lock"
}

# unpack_source DIR VERSION: linux-source as DIR/linux, unless it is there.
unpack_source()
{
	local dir=$1 package=linux-source-$DEBUG_SERIES
	if [ "$(cat "$dir/source" 2>/dev/null)" = "$2" ]; then
		say "going on with the build in $dir"
		return
	fi
	rm -rf "$dir"
	mkdir -p "$dir/deb"
	download "$package $2" "$dir/deb" "$package=$2"
	step "unpacking it into $dir" untar_source "$dir" || die "$package could not be unpacked"
	rm -rf "$dir/deb"
	mv -T "$dir"/linux-source-* "$dir/linux"
	echo "$2" >"$dir/source"
}

# untar_source DIR: of DIR/deb/*.deb into DIR
untar_source()
{
	dpkg --fsys-tarfile "$1"/deb/*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$1"
}

# configure_debug TREE NAME: tinyconfig and our lines; each of them has to hold.
configure_debug()
{
	local tree=$1 name=$2 line lacks=0
	{
		cat "$DEBUG_CONFIG"
		echo "CONFIG_LOCALVERSION=\"$name\""
	} >"$tree/kernel/configs/lab.config"
	# What has not changed keeps its date, and so all that is built.
	make -s -C "$tree" KCONFIG_CONFIG=.config.lab tinyconfig lab.config >"$tree/../config.log" 2>&1 || {
		cat "$tree/../config.log" >&2
		die "the kernel's own configuration failed"
	}
	while IFS= read -r line; do
		case $line in
		*=n) ! grep -q "^${line%%=*}=" "$tree/.config.lab" ;;
		*) grep -qxF "$line" "$tree/.config.lab" ;;
		esac || {
			say "$DEBUG_CONFIG: $line does not hold in $(basename "$(dirname "$tree")"):" \
				"$(grep -E "^(# )?${line%%=*}[ =]" "$tree/.config.lab" ||
					echo "no such option, or one that it depends on lacks")" >&2
			lacks=$((lacks + 1))
		}
	done < <(grep '^CONFIG_' "$tree/kernel/configs/lab.config")
	[ $lacks = 0 ] || die "$lacks lines of $DEBUG_CONFIG do not hold"
	cmp -s "$tree/.config.lab" "$tree/.config" || cp "$tree/.config.lab" "$tree/.config"
}

# build_debug DIR
build_debug()
{
	local log=$1/build.log
	say "building it: 20 minutes or more on two processors (log: $log)"
	nice -n 10 make -C "$1/linux" -j"$(nproc)" vmlinux modules >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		die "the kernel's build failed; all that it said: $log"
	}
}
