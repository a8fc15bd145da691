# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu: 'make help' lists what can be made.

TOP := $(CURDIR)
export QWAMOS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/qwamos-gpu

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
# Where programs look for their helpers: seen from BINDIR.
LIBEXECDIR = $(BINDIR)/../libexec/qwamos-gpu
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
UDEVDIR ?= /usr/lib/udev/rules.d
SYSUSERSDIR ?= /usr/lib/sysusers.d
TMPFILESDIR ?= /usr/lib/tmpfiles.d
UNITDIR ?= /usr/lib/systemd/system

.DEFAULT_GOAL := all
.PHONY: all userspace tests lab-modules help deps debug-kernel check check-debug check-build demo bench examples lint format \
	install uninstall clean distclean
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all: modules userspace

include tools/build/modules.mk

# Locked, for nothing keeps people from running make twice at once.
userspace tests:
	@mkdir -p build
	+@flock build/.lock $(MAKE) --no-print-directory -f userspace/build.mk $@

# Tests run them, too.
tests: examples

examples: userspace
	@tools/build/examples

lab-modules:
	+@$(MAKE) --no-print-directory modules KERNEL=6.1
	+@$(MAKE) --no-print-directory modules KERNEL=6.12

help:
	@sed -n '/^## /s/^## //p' Makefile

## make               the modules and the userspace
## make modules       the modules, for the running kernel's headers, or else the lab's 6.1
##   KDIR=DIR           for the kernel tree or headers in DIR
##   KERNEL=6.1         for a kernel of the lab: 6.1, 6.12, arm64 or debug
## make userspace     programs (build/bin) and library (build/lib)
## make tests         test programs (build/tests)
## make examples      tools/examples, against what install would install (build/examples)
## make install       programs, library, udev rule and group, to PREFIX=/usr/local
##   DESTDIR=DIR        below DIR, for packages
## make uninstall     removes these again
## make modules_install  modules to /lib/modules, as the kernel's own target does
## make modules_sign  signs the modules: KEY=FILE.pem CERT=FILE.x509
## make deps          installs Debian packages, fetches the lab's kernels into a cache
##   DEPS=0             for check and demo: install nothing, need no root
## make demo          a GPU goes to a VM, in the lab, step by step
## make check         all tests; the last line counts them
## make debug-kernel  builds a kernel that finds faults (KASAN, lockdep, ...) into the cache, once
## make check-debug   the tests in guests, on that kernel
## make check-build   both kernels, W=1, and the userspace, warnings being errors
## make bench         speed, as ratios to what others take
## make lint          style, sparse, licences, sizes of files; CHECKS= for some of these
## make format        writes the C sources as clang-format would
## make clean         removes build/
## make distclean     removes the cache of kernels, too

deps:
	@tools/deps

debug-kernel:
	@tools/deps debug

ifneq ($(DEPS),0)
check check-debug demo: deps
endif

check:
	@tests/run $(TESTS)

check-debug:
	@tests/run --debug $(TESTS)

demo: lab-modules userspace
	@tools/demo/run

bench: lab-modules userspace
	@tools/bench/run

lint:
	@tools/lint $(CHECKS)

format:
	@git ls-files 'kmod/*.[ch]' 'userspace/*.[ch]' | xargs -r clang-format -i

# In folders of its own, for flags that differ would have all built anew each time.
check-build:
	+@tools/build/check

install: userspace
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/linux
	install -m 755 build/bin/* $(DESTDIR)$(BINDIR)
	install -d $(DESTDIR)$(LIBEXECDIR)
	install -m 755 build/libexec/qwamos-gpu/* $(DESTDIR)$(LIBEXECDIR)
	install -m 755 build/lib/libqwamos-gpu.so.0 $(DESTDIR)$(LIBDIR)
	ln -sf libqwamos-gpu.so.0 $(DESTDIR)$(LIBDIR)/libqwamos-gpu.so
	install -m 644 build/lib/libqwamos-gpu.a $(DESTDIR)$(LIBDIR)
	install -m 644 uapi/linux/*.h $(DESTDIR)$(INCLUDEDIR)/linux
	install -m 644 userspace/lib/libqwamos-gpu.h $(DESTDIR)$(INCLUDEDIR)
	sed 's#@LIBDIR@#$(LIBDIR)#; s#@INCLUDEDIR@#$(INCLUDEDIR)#; s#@VERSION@#$(shell cat VERSION)#' \
		userspace/install/libqwamos-gpu.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libqwamos-gpu.pc
	install -d $(DESTDIR)$(MANDIR)/man8
	install -m 644 Documentation/man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -d $(DESTDIR)$(COMPLETIONDIR)
	install -m 644 userspace/install/qwamos.bash-completion $(DESTDIR)$(COMPLETIONDIR)/qwamos-gpu
	for p in qwamos-vfio qwamos-vm; do ln -sf qwamos-gpu $(DESTDIR)$(COMPLETIONDIR)/$$p; done
	@tools/build/install-system install "$(DESTDIR)" "$(BINDIR)" "$(UDEVDIR)" "$(SYSUSERSDIR)" "$(UNITDIR)" \
		"$(TMPFILESDIR)"
	$(if $(DESTDIR),,ldconfig)

uninstall:
	for p in qwamos-gpu qwamos-vfio qwamos-vm; do \
		rm -f $(DESTDIR)$(BINDIR)/$$p $(DESTDIR)$(COMPLETIONDIR)/$$p; \
	done
	rm -rf $(DESTDIR)$(LIBEXECDIR)
	rm -f $(DESTDIR)$(LIBDIR)/libqwamos-gpu.so.0 $(DESTDIR)$(LIBDIR)/libqwamos-gpu.so \
		$(DESTDIR)$(LIBDIR)/libqwamos-gpu.a $(DESTDIR)$(LIBDIR)/pkgconfig/libqwamos-gpu.pc \
		$(DESTDIR)$(INCLUDEDIR)/libqwamos-gpu.h
	for f in uapi/linux/*.h; do rm -f $(DESTDIR)$(INCLUDEDIR)/linux/$${f##*/}; done
	for f in Documentation/man/*.8; do rm -f $(DESTDIR)$(MANDIR)/man8/$${f##*/}; done
	@tools/build/install-system uninstall "$(DESTDIR)" "$(BINDIR)" "$(UDEVDIR)" "$(SYSUSERSDIR)" "$(UNITDIR)" \
		"$(TMPFILESDIR)"

clean:
	rm -rf build

distclean: clean
	rm -rf "$(QWAMOS_CACHE)"
