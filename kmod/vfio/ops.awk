# SPDX-License-Identifier: GPL-2.0-only
#
# ops.awk COMPAT_H -: reads QGPU_VFIO_MEMBER() of compat.h, and from standard input driver.c behind
# the preprocessor, which has the tables of this kernel's VFIO as the compiler sees them. Fails,
# with a message that names the members, unless each member is known to compat.h, and the driver
# sets it if and only if compat.h says so.

FNR == 1 { file++ }

file == 1 && /^QGPU_VFIO_MEMBER\(/ {
	n = split($0, part, /[(), \t]+/)
	if (n < 4 || part[4] !~ /^(CHECKED|PLAIN|LEFT_OUT)$/)
		broken("compat.h: cannot read: " $0)
	kind[part[2] "." part[3]] = part[4]
	listed++
}

# Of the megabytes behind the preprocessor, the tables and what the driver sets in one.
file == 2 && /struct vfio_pci_device_ops/ { pci_ops = 1 }
file == 2 && !depth && !/struct vfio_(pci_)?device_ops( qvfio_ops =)? *\{/ { next }
file == 2 {
	text = text " " $0
	depth += gsub(/\{/, "{") - gsub(/\}/, "}")
}

function broken(what)
{
	print "qwamos_vfio_pci: " what > "/dev/stderr"
	bad = 1
}

# What stands between the braces behind @head in the text; "" if there is no such thing.
function body(head,    at, i, depth, c, rest)
{
	at = index(text, head " {")
	if (!at)
		return ""
	rest = substr(text, at + length(head) + 2)
	depth = 1
	for (i = 1; i <= length(rest); i++) {
		c = substr(rest, i, 1)
		if (c == "{")
			depth++
		else if (c == "}" && !--depth)
			return substr(rest, 1, i - 1)
	}
	return ""
}

# The name that a member is declared with; "" if it cannot be told.
function name_of(decl,    rest)
{
	# One name in each declaration: of a second one nobody would be told.
	rest = decl
	if (gsub(/\( *\* *[A-Za-z_][A-Za-z_0-9]* *\)/, "", rest) > 1 ||
	    (decl !~ /\(/ && decl ~ /,/) || rest ~ /\)[^()]*,[^()]*\(/)
		return ""
	if (match(decl, /\( *\* *[A-Za-z_][A-Za-z_0-9]* *\) *\(/)) {
		decl = substr(decl, RSTART, RLENGTH)
		gsub(/[(*) ]/, "", decl)
		return decl
	}
	if (decl ~ /[({})]/ || !match(decl, /[A-Za-z_][A-Za-z_0-9]* *$/))
		return ""
	decl = substr(decl, RSTART, RLENGTH)
	gsub(/ /, "", decl)
	return decl
}

# Compares the members of struct @table with compat.h, and with what the driver's @object sets.
function look(table, object,    members, decl, n, i, name, known, init, value, rest, unknown, seen)
{
	members = body("struct " table)
	if (members == "") {
		broken("struct " table " of this kernel cannot be read")
		return
	}
	init = object == "" ? "" : body(object " =")
	if (object != "" && init == "")
		broken(object " of driver.c cannot be read")
	init = "," init
	n = split(members, decl, ";")
	for (i = 1; i <= n; i++) {
		if (decl[i] ~ /^[ \t]*$/)
			continue
		name = name_of(decl[i])
		if (name == "") {
			broken("struct " table ": a member cannot be read:" decl[i])
			continue
		}
		seen++
		known = kind[table "." name]
		value = ""
		if (match(init, "[,{] *\\." name " *= *[^,]*")) {
			value = substr(init, RSTART, RLENGTH)
			rest = substr(init, RSTART + RLENGTH)
			sub(/^[^=]*= */, "", value)
			if (match(rest, "[,{] *\\." name " *="))
				broken(object " sets " name " twice")
		}
		if (known == "")
			unknown = unknown (unknown == "" ? "" : ", ") name
		else if (known == "LEFT_OUT" && value != "")
			broken("struct " table ": driver.c sets " name ", compat.h says LEFT_OUT")
		else if (known != "LEFT_OUT" && value == "")
			broken("struct " table ": this kernel has " name ", driver.c does not set it")
		else if (known == "CHECKED" && value !~ /^qvfio_/)
			broken("struct " table ": " name " is to be checked, and set to " value)
	}
	if (!seen)
		broken("struct " table " of this kernel has no members")
	if (unknown != "")
		broken("struct " table " of this kernel has members that kmod/compat.h does not know: " \
		       unknown " (each may be a way to a device past the checks; see " \
		       "Documentation/kernel-versions.md)")
}

END {
	gsub(/[ \t]+/, " ", text)
	if (!listed)
		broken("compat.h: there is no QGPU_VFIO_MEMBER()")
	look("vfio_device_ops", "struct vfio_device_ops qvfio_ops")
	# Kernels before 6.19 have none, nor a pointer to one.
	if (pci_ops)
		look("vfio_pci_device_ops", "")
	if (bad)
		exit 1
	print "ok"
}
