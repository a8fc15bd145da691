# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: Debian packages, and private apt roots to download from
# without touching the machine's own apt configuration.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
declare -A ASKED # apt roots that this run has brought up to date
APT_OPTS=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q)
# The user _apt can't write to a cache below root's home.
[ "$(id -u)" != 0 ] || APT_OPTS+=(-o APT::Sandbox::User=root)

# The Debian release that this machine runs, by its code name; empty if none.
host_release()
{
	# shellcheck disable=SC1091
	(. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}") || :
}

# list_packages [GROUP...]: the names in packages, or in packages.GROUP...; '-' is packages itself.
list_packages()
{
	local g
	for g in "${@:--}"; do
		[ "$g" = - ] && g= || g=.$g
		[ ! -e "$TOP/tools/deps.d/packages$g" ] ||
			sed 's/[[:space:]]*#.*//; /^$/d' "$TOP/tools/deps.d/packages$g"
	done
}

# Those that this machine has to have.
host_packages()
{
	list_packages - "$(host_release)" | sort -u
}

# missing_packages: reads names, prints those that are not installed.
missing_packages()
{
	comm -13 <(dpkg-query -W -f '${db:Status-Status} ${Package}\n${db:Status-Status} ${Provides}\n' |
		sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//' | sort -u) <(sort -u)
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

# True if apt can install every one of the packages: a name that others only mention does not do.
apt_knows()
{
	local p
	for p; do
		apt-cache policy "$p" 2>/dev/null | sed -n 's/^ *Candidate: //p' |
			grep -vqxF '(none)' ||
			apt-cache showpkg "$p" 2>/dev/null | sed '1,/^Reverse Provides:/d' | grep -q . ||
			return 1
	done
}

# download_size APT-GET-ARGUMENTS...: bytes that these would download.
download_size()
{
	{ LC_ALL=C apt-get "${APT_OPTS[@]}" --print-uris "$@" 2>/dev/null || :; } |
		awk -F "'" '/^'\''/ { split($3, f, " "); n += f[2] } END { print n + 0 }'
}

apt_update()
{
	as_root apt-get "${APT_OPTS[@]}" update
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTS[@]}" \
		install -y --no-install-recommends "$@"
}

# install_packages PACKAGE...: those that are missing.
install_packages()
{
	local missing bytes
	mapfile -t missing < <(printf '%s\n' "$@" | missing_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	# Here sudo may ask for a password, of which progress would leave nothing to be seen.
	as_root true
	apt_knows "${missing[@]}" || step "asking Debian's archive for its list of packages" apt_update ||
		die "apt-get update failed"
	bytes=$(download_size install -y --no-install-recommends "${missing[@]}")
	say "installing these Debian packages ($(megabytes "$bytes")): ${missing[*]}"
	if ! step "installing Debian packages" apt_install "${missing[@]}"; then
		# The machine's lists may name versions that the mirror no
		# longer has.
		step "asking Debian's archive for its list of packages once more" apt_update ||
			die "apt-get update failed"
		step "installing Debian packages" apt_install "${missing[@]}" || die "apt-get install failed"
	fi
}

# debian_sources SUITE...: apt's sources for suites of Debian, from the mirror that this machine
# uses; what carries the archive carries the security archive too.
debian_sources()
{
	local uri release origin component mirror='' security='' suite
	# shellcheck disable=SC2016 # apt's own $(...)
	while IFS='|' read -r uri release component origin; do
		[ "$origin/$component" = Debian/main ] || continue
		case $release in
		*-security) security=${uri%/} ;;
		*) mirror=${mirror:-${uri%/}} ;;
		esac
	done < <(env -u APT_CONFIG apt-get indextargets --format \
		'$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)' 'Created-By: Packages')
	[ -n "$mirror" ] ||
		die "apt has no package lists of Debian (run 'apt-get update' as root first)"
	for suite; do
		case $suite in
		*-security) uri=${security:-$mirror-security} ;;
		*) uri=$mirror ;;
		esac
		echo "deb [signed-by=$KEYRING] $uri $suite main"
	done
}

# apt_root NAME ARCHITECTURES SUITE...: a private apt root for these, comma between architectures,
# brought up to date once in a run; sets APT_CONFIG for the commands that follow.
apt_root()
{
	local name=$1 archs=$2 root=$CACHE/apt/$1
	shift 2
	mkdir -p "$root"/{state/lists/partial,cache/archives/partial}
	: >"$root/state/status"
	debian_sources "$@" >"$root/sources.list.new"
	mv "$root/sources.list.new" "$root/sources.list"
	cat >"$root/apt.conf" <<-END
	APT::Architecture "${archs%%,*}";
	APT::Architectures { $(sed 's/[^,]*/"&";/g; s/,/ /g' <<<"$archs") };
	APT::Install-Recommends "false";
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
	[ -z "${ASKED[$name]:-}" ] || return 0
	exec 8>"$root/lock"
	flock -n 8 || say "waiting for another run that uses $root"
	flock 8
	if ! step "asking Debian's archive what $* has" apt-get "${APT_OPTS[@]}" \
		-o APT::Update::Error-Mode=any update; then
		die "Debian's archive could not be asked. If keys are missing, this machine's are too old:" \
			"upgrade the package debian-archive-keyring"
	fi
	exec 8>&-
	ASKED[$name]=1
}

# What the private apt root can really download of kernels, a line 'PACKAGE [NEEDS...]' each.
downloadable()
{
	local file
	# shellcheck disable=SC2016 # apt's own $(...)
	while read -r file; do
		/usr/lib/apt/apt-helper cat-file "$file"
	done < <(apt-get indextargets --format '$(FILENAME)' 'Created-By: Packages') | awk '
		/^Package: linux-(image|binary|modules|base|headers|kbuild)-/ { p = $2 }
		/^(Pre-)?Depends: / && p {
			sub(/^[^:]*: /, "")
			gsub(/\([^)]*\)|:[a-z0-9]+/, "")
			n = split($0, d, / *[,|] */)
			for (i = 1; i <= n; i++)
				if (d[i] ~ /^linux-/) {
					gsub(/ /, "", d[i])
					needs = needs " " d[i]
				}
		}
		/^$/ && p { print p needs; p = needs = "" }
		END { if (p) print p needs }'
}
