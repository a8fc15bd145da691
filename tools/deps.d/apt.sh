# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: Debian packages, and private apt roots to download from
# without touching the machine's own apt configuration.

APT_OPTS=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q)
# The user _apt can't write to a cache below root's home.
[ "$(id -u)" != 0 ] || APT_OPTS+=(-o APT::Sandbox::User=root)

say()
{
	echo "deps: $*"
}

die()
{
	echo "deps: $*" >&2
	exit 1
}

# list_packages [GROUP]: the names in packages, or in packages.GROUP
list_packages()
{
	sed 's/[[:space:]]*#.*//; /^$/d' "$TOP/tools/deps.d/packages${1:+.$1}"
}

# missing_packages [GROUP]: those of the list that are not installed.
missing_packages()
{
	local have
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
		sed -n 's/^installed //p' | sort -u)
	comm -13 <(echo "$have") <(list_packages "$@" | sort -u)
}

# Runs a command as root.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root: run 'make deps' as root, or install sudo"
	fi
}

# True if apt knows every one of the packages.
apt_knows()
{
	apt-cache show --no-all-versions "$@" >/dev/null 2>&1
}

# install_packages [GROUP]
install_packages()
{
	local missing
	mapfile -t missing < <(missing_packages "$@")
	if [ ${#missing[@]} = 0 ]; then
		say "all Debian packages are installed"
		return
	fi
	say "installing these Debian packages: ${missing[*]}"
	apt_knows "${missing[@]}" || as_root apt-get "${APT_OPTS[@]}" update
	if ! apt_install "${missing[@]}"; then
		# The machine's lists may name versions that the mirror no
		# longer has.
		as_root apt-get "${APT_OPTS[@]}" update
		apt_install "${missing[@]}" || die "apt-get install failed"
	fi
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTS[@]}" \
		install -y --no-install-recommends "$@"
}

# Sources of the machine's Debian archives, with the security archive added if
# the machine does not use it: the mirror that carries the one carries the other.
debian_sources()
{
	local uri release component origin signed suite=
	local -A seen=()
	while IFS='|' read -r uri release component origin signed; do
		[ "$origin" = Debian ] && [ "$component" = main ] || continue
		case $signed in '' | *'$('*) signed=/usr/share/keyrings/debian-archive-keyring.gpg ;; esac
		[ -z "${seen[$uri $release]:-}" ] || continue
		seen[$uri $release]=1
		echo "deb [signed-by=$signed] $uri $release main"
		case $release in
		*-security) seen[security]=1 ;;
		*-*) ;;
		*) suite="$signed|${uri%/}|$release" ;;
		esac
	done < <(apt-get indextargets --format \
		'$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SIGNED_BY)' \
		'Created-By: Packages')
	if [ -z "${seen[security]:-}" ] && [ -n "$suite" ]; then
		IFS='|' read -r signed uri release <<<"$suite"
		echo "deb [signed-by=$signed] $uri-security $release-security main"
	fi
}

# apt_root ARCH: a private apt root for ARCH (amd64 too), brought up to date;
# sets APT_CONFIG for the commands that follow.
apt_root()
{
	local root=$CACHE/apt/$1
	unset APT_CONFIG
	mkdir -p "$root"/{state/lists/partial,cache/archives/partial}
	: >"$root/state/status"
	debian_sources >"$root/sources.list.new"
	[ -s "$root/sources.list.new" ] ||
		die "apt has no package lists of Debian (run 'apt-get update' as root first)"
	mv "$root/sources.list.new" "$root/sources.list"
	cat >"$root/apt.conf" <<-END
	APT::Architecture "$1";
	APT::Architectures { "$1"; "amd64"; };
	Dir::State "$root/state";
	Dir::State::status "$root/state/status";
	Dir::Cache "$root/cache";
	Dir::Etc::sourcelist "$root/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Acquire::Languages "none";
	APT::Sandbox::User "";
	END
	export APT_CONFIG=$root/apt.conf
	apt-get "${APT_OPTS[@]}" update >&2
}
