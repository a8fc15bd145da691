# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Part of tools/deps: which kernel is taken, of those that an archive has. Pure: of its arguments
# and its input alone, so that tests/unit/choose_kernel.sh can show it the archives of many days.

# choose_kernel ARCH LOWEST HIGHEST: reads what can be downloaded, a line 'PACKAGE [NEEDS...]' for
# each package, and prints the newest kernel of the series LOWEST to HIGHEST that is there as a
# whole, as 'VERSION PACKAGE...': VERSION as in uname -r, and all packages of image, modules,
# headers and build tools. Prints nothing if there is none.
choose_kernel()
{
	awk -v arch="$1" -v low="$2" -v high="$3" '
	function series(v, part)
	{
		split(v, part, /[.+~-]/)
		return part[1] * 1000 + part[2]
	}
	# Adds a package with all of the kernel that it needs; false if the archive lacks one.
	function take(p, n, need, i)
	{
		if (p in taken)
			return 1
		if (!(p in needs))
			return 0
		taken[p] = 1
		list = list " " p
		n = split(needs[p], need, " ")
		for (i = 1; i <= n; i++)
			if (need[i] ~ /^linux-((binary|modules|headers|kbuild)-|base-[0-9])/ && !take(need[i]))
				return 0
		return 1
	}
	function whole(v, image)
	{
		delete taken
		list = v
		return take(image) && take("linux-headers-" v)
	}
	{
		p = $1
		$1 = ""
		needs[p] = needs[p] $0
	}
	END {
		for (p in needs) {
			v = p
			# No release candidates, and no flavours such as rt, cloud or 16k.
			if (sub(/^linux-headers-/, "", v) &&
			    v ~ ("^[0-9]+\\.[0-9]+[0-9.]*([+][a-z]+[0-9.]+)?(-[0-9]+)?-" arch "$") &&
			    series(v) >= series(low) && series(v) <= series(high) &&
			    (whole(v, "linux-image-" v) || whole(v, "linux-image-" v "-unsigned")))
				print list
		}
	}' | sort -V | tail -n 1
}
