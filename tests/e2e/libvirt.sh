#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
# qwamos-gpu export libvirt: libvirt's own schema accepts each domain, and it says what the command
# line says.

set -u
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
PATH=$PWD/build/bin:$PATH

echo "TAP version 13"

# valid NAME CONFIG CAPS [OPTION...]
valid()
{
	local name=$1 config=$2 caps=$3
	shift 3
	run qwamos-gpu export libvirt "$config" --caps "tests/data/qemu/$caps.json" "$@"
	says 0 "" "$name, $caps: exported"
	qwamos-gpu export libvirt "$config" --caps "tests/data/qemu/$caps.json" "$@" >"$dir/$name.xml" 2>"$dir/err"
	run virt-xml-validate "$dir/$name.xml" domain
	says 0 "validates" "$name, $caps: libvirt's schema accepts it"
}

# has NAME TEXT MESSAGE
has()
{
	check "$3" grep -qF -- "$2" "$dir/$1.xml"
}

lacks()
{
	check "$3" sh -c "! grep -qF -- '$2' '$dir/$1.xml'"
}

for arch in aarch64 x86_64; do
	for f in tests/data/vm-configs/*.yaml tests/data/qemu/configs/*.yaml; do
		case $f in
		# These name a device, which must be there.
		*/passthrough*) continue ;;
		esac
		valid "$(basename "$f" .yaml)" "$f" "7.2-$arch" --arch $arch
	done
done

has android-vm "<portForward proto='tcp' address='127.0.0.1'>" "nat_rules are port forwards"
has android-vm "<range start='5555' to='5555'/>" "of the same ports"
has android-vm "<mac address='52:54:00:12:34:56'/>" "the MAC is the config's"
has android-vm "cache='writeback'" "the disk's cache is the config's"
lacks vault-vm "<interface" "airgapped: no interface"
has vault-vm "<qemu:arg value='usb-ehci,id=usb'/>" "qemu_extra_args are passed on"
lacks vault-vm "nographic" "but not those without effect"
has gateway-1 "<source bridge='qwamos-br0'/>" "a bridge is a bridge"
has kali-vm "<link state='down'/>" "isolated without a bridge: no link"
has development "<qemu:property name='max_hostmem' type='unsigned' value='536870912'/>" "the VRAM quota is the adapter's"
has untrusted "trust_level='untrusted'" "the trust level is in the metadata"
has none "<model type='none'/>" "access_mode none: no video"
has smmu "<iommu model='intel'>" "security.smmu: an IOMMU for the guest"
valid smmu tests/data/qemu/configs/smmu.yaml 7.2-aarch64 --arch aarch64
has smmu "<iommu model='smmuv3'/>" "on ARM, too"
valid 3d tests/data/qemu/configs/development.yaml 10.0-x86_64 --arch x86_64 --render-node /dev/dri/renderD128
has 3d "<gl rendernode='/dev/dri/renderD128'/>" "3D: a render node"
has 3d "accel3d='yes'" "3D: an adapter with it"
check "and no venus, which libvirt's sandbox refuses a process, too" sh -c "! grep -q venus '$dir/3d.xml'"

# Texts that mean something to XML.
cat >"$dir/odd.yaml" <<'END'
vm: {name: odd, description: "a <b> & 'c' \"d\""}
machine: {type: q35, accel: tcg}
boot: {kernel: "/a&b", cmdline: "x=<y>"}
END
valid odd "$dir/odd.yaml" 7.2-x86_64
has odd "<kernel>/a&amp;b</kernel>" "what means something to XML is escaped"
printf 'vm: {name: odd, description: "a\\x01b"}\nmachine: {type: q35, accel: tcg}\n' >"$dir/odd.yaml"
run qwamos-gpu export libvirt "$dir/odd.yaml" --caps tests/data/qemu/7.2-x86_64.json
says 1 "control character" "what XML can't hold is refused"

# Paths from here mean nothing to libvirtd.
mkdir "$dir/vm"
ln -s nothing "$dir/vm/link.qcow2"
cat >"$dir/paths.yaml" <<'END'
vm: {name: paths}
machine: {type: q35, accel: tcg}
boot: {kernel: vm/../kernel, initrd: gone/initrd}
storage: {disk_image: ./vm/link.qcow2}
END
bin=$PWD/build/bin/qwamos-gpu
run sh -c 'cd "$1" && "$2" export libvirt paths.yaml --caps "$3"' - "$dir" "$bin" "$PWD/tests/data/qemu/7.2-x86_64.json"
says 0 "" "relative paths: exported"
sed -n '/^<domain/,$p' "$dir/out" >"$dir/paths.xml"
run virt-xml-validate "$dir/paths.xml" domain
says 0 "validates" "relative paths: libvirt's schema accepts it"
real=$(realpath "$dir")
has paths "<kernel>$real/kernel</kernel>" "they count from where it is called"
has paths "<initrd>$real/gone/initrd</initrd>" "also of a folder that is not there"
has paths "<source file='$real/vm/link.qcow2'/>" "a link's name is kept"
has paths "<driver name='qemu' type='qcow2'" "and with it the disk's format"
cat >"$dir/io.yaml" <<'END'
vm: {name: io}
machine: {type: q35, accel: tcg}
storage: {disk_image: /d.img}
resources: {io: {read_kib_s: 1024, write_kib_s: 512, read_ops_s: 100, write_ops_s: 50}}
END
valid io "$dir/io.yaml" 7.2-x86_64
has io "<read_bytes_sec>1048576</read_bytes_sec>" "resources.io: what may be read in a second"
has io "<write_iops_sec>50</write_iops_sec>" "and how often it may write"

# What libvirt's schema has no word for.
# no_word FILE-NAME PATTERN MESSAGE: the config stands on stdin
no_word()
{
	cat >"$dir/$1.yaml"
	run qwamos-gpu export libvirt "$dir/$1.yaml" --caps tests/data/qemu/7.2-x86_64.json --arch x86_64
	says 1 "$1.yaml:$2" "$3"
	check "$3, and not written" sh -c "! grep -q '<domain' '$dir/out'"
}
no_word vhdx "2:47: error: hardware.disk.primary.format: 'vhdx' found; libvirt accepts raw" "a disk's format is told" <<'END'
vm: {name: a}
hardware: {disk: {primary: {path: /d, format: vhdx}}}
END
no_word bridge "2:33: error: network.bridge: 'br\+0' found; libvirt accepts" "a bridge's name is told" <<'END'
vm: {name: a}
network: {mode: bridge, bridge: br+0}
END
no_word path "2:16: error: boot.kernel: " "a path with a line break is told" <<'END'
vm: {name: a}
boot: {kernel: "/a\nb"}
END
no_word feature "2:29: error: hardware.cpu.features: '-avx' found" "so is a CPU feature" <<'END'
vm: {name: a}
hardware: {cpu: {features: [-avx]}}
END
no_word gic "2:36: error: machine.gic_version: '4' found" "and a GIC" <<'END'
vm: {name: a}
machine: {type: virt, gic_version: 4}
END
for gic in 2 3; do
	printf 'vm: {name: a}\nmachine: {type: virt, gic_version: %s}\n' $gic >"$dir/gic.yaml"
	valid gic "$dir/gic.yaml" 7.2-aarch64
done
for format in raw qcow2 qcow vmdk vdi vpc; do
	printf 'vm: {name: a}\nmachine: {type: q35}\nhardware: {cpu: {features: [avx2, sse4.1, hv-time]}, disk: {primary: {path: /d, format: %s}}}\n' $format >"$dir/format.yaml"
	valid format "$dir/format.yaml" 7.2-x86_64
done
run qwamos-gpu export xen "$dir/odd.yaml"
says 2 "" "an unknown format is refused"
echo "1..$n"
