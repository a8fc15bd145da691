#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make install, uninstall, modules_install and modules_sign, all below a folder.
# timeout: 300

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
make="make --no-print-directory DEPS=0"

echo "1..28"
$make install "DESTDIR=$dir/root" PREFIX=/usr >"$dir/out" 2>&1
check "make install" [ $? = 0 ]
for f in bin/qwamos-gpu bin/qwamos-vfio bin/qwamos-vm lib/libqwamos-gpu.so.0 \
	lib/libqwamos-gpu.a include/linux/qwamos_gpu.h; do
	check "$f is there" [ -s "$dir/root/usr/$f" ]
done
check "a link for linking" [ "$(readlink "$dir/root/usr/lib/libqwamos-gpu.so")" = libqwamos-gpu.so.0 ]
rule=$dir/root/usr/lib/udev/rules.d/60-qwamos-gpu.rules
check "the device's group and mode" grep -q 'GROUP="qwamos", MODE="0660"' "$rule"
check "the group is made" grep -q '^g qwamos ' "$dir/root/usr/lib/sysusers.d/qwamos-gpu.conf"
check "what a crash leaves of throw-away disks is removed at boot" grep -q "^R! /var/lib/qwamos-gpu/tmp " "$dir/root/usr/lib/tmpfiles.d/qwamos-gpu.conf"
check "no place is left open in rules and units" \
	[ -z "$(grep -rl '@BINDIR@' "$dir/root/usr/lib")" ]
echo '#include <libqwamos-gpu.h>
int main(void)
{
	struct libqg_events *events;

	libqg_events_open(LIBQG_EVENTS_AUDIT, &events);
	libqg_events_close(events);
	return !libqg_level_name(QWAMOS_GPU_LEVEL_LOW);
}' >"$dir/x.c"
# What of the library is told with pkg-config, which puts the folder before the paths of the files.
told()
{
	PKG_CONFIG_LIBDIR=$dir/root/usr/lib/pkgconfig:$(pkg-config --variable pc_path pkg-config) \
		PKG_CONFIG_SYSROOT_DIR=$dir/root \
		PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
		pkg-config --cflags --libs "$@" libqwamos-gpu
}
# shellcheck disable=SC2046
gcc -o "$dir/x" "$dir/x.c" $(told) >"$dir/out" 2>&1
check "a program is built with what was installed" env "LD_LIBRARY_PATH=$dir/root/usr/lib" "$dir/x"
# shellcheck disable=SC2046
gcc -static -o "$dir/x-static" "$dir/x.c" $(told --static) >"$dir/out" 2>&1
check "and statically, libnl included" "$dir/x-static"
check "a program that does not listen has no libnl" \
	sh -c "! readelf -d '$dir/root/usr/bin/qwamos-vfio' | grep 'NEEDED.*libnl'"
completions=$dir/root/usr/share/bash-completion/completions
check "completion in bash" bash -c ". '$completions/qwamos-gpu' && complete -p qwamos-gpu qwamos-vfio qwamos-vm"
check "which is found by each program's name" cmp "$completions/qwamos-vfio" "$completions/qwamos-vm"
check "the library shows its own functions only" \
	[ -z "$(nm -D --defined-only "$dir/root/usr/lib/libqwamos-gpu.so.0" | awk '$2 == "T"' | grep -v ' libqg_')" ]
grep -oE '\blibqg_[a-z_]+\(' "$dir/root/usr/include/libqwamos-gpu.h" | tr -d '(' | sort -u >"$dir/header"
nm -D --defined-only "$dir/root/usr/lib/libqwamos-gpu.so.0" |
	awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort >"$dir/library"
check "and all that its header has" diff "$dir/header" "$dir/library"
check "which are some" [ -s "$dir/header" ]

$make uninstall "DESTDIR=$dir/root" PREFIX=/usr >"$dir/out" 2>&1
check "make uninstall" [ $? = 0 ]
check "leaves no file behind" [ -z "$(find "$dir/root" ! -type d)" ]

# In a folder of its own: signing changes the modules.
$make modules_install KERNEL=6.1 "KOUT=$dir/kmod" "DESTDIR=$dir/root" >"$dir/out" 2>&1
check "make modules_install" [ $? = 0 ]
check "all modules are installed" [ "$(find "$dir/root/lib/modules" -name 'qwamos_*.ko*' | wc -l)" = 3 ]

openssl req -new -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=test/ -outform DER \
	-keyout "$dir/key.pem" -out "$dir/cert.x509" >"$dir/out" 2>&1
$make modules_sign KERNEL=6.1 "KOUT=$dir/kmod" "KEY=$dir/key.pem" "CERT=$dir/cert.x509" \
	>"$dir/out" 2>&1
check "make modules_sign" [ $? = 0 ]
check "the modules are signed" [ "$(/sbin/modinfo -F signer "$dir/kmod/kmod/qwamos_gpu.ko")" = test ]
$make modules_sign KERNEL=6.1 "KOUT=$dir/kmod" >"$dir/out" 2>&1
check "without a key: refused" [ $? != 0 ]
check "saying what to give" grep -q 'KEY=FILE.pem CERT=FILE.x509' "$dir/out"
exit $bad
