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
.PHONY: all userspace tests help deps debug-kernel check check-all check-debug check-latest \
	check-newcomer check-build demo bench examples lint format install uninstall clean distclean
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all: modules userspace

include tools/build/modules.mk

# With USERLAND, in another Debian, to build/$(USERLAND). Its make may not know this one's flags.
USERLAND ?=
in_userland = $(if $(USERLAND),tools/userland --build $(USERLAND) -- env -u MAKEFLAGS)
make_there = $(if $(USERLAND),$(in_userland) make -j$(shell nproc) $(if $(WERROR),WERROR=$(WERROR)),$(MAKE))

# Locked, for nothing keeps people from running make twice at once.
userspace tests:
	@mkdir -p build/$(USERLAND)
	+@flock build/$(USERLAND)/.lock $(make_there) --no-print-directory -f userspace/build.mk $@

# Tests run them, too.
tests: examples

examples: userspace
	@$(in_userland) tools/build/examples

help:
	@sed -n '/^## /s/^## //p' Makefile

## make               the modules and the userspace
## make modules       the modules, for the running kernel's headers, or else the lab's 6.1
##   KDIR=DIR           for the kernel tree or headers in DIR
##   KERNEL=6.1         for a kernel of the lab: 6.1, 6.12, latest, debug, or 6.1-arm64, ...
## make userspace     programs (build/bin) and library (build/lib)
## make tests         test programs (build/tests)
##   USERLAND=bookworm  in that Debian of the cache, to build/bookworm: what its guests run on a newer one
## make examples      tools/examples, against what install would install (build/examples)
## make install       programs, library, udev rule and group, to PREFIX=/usr/local
##   DESTDIR=DIR        below DIR, for packages
## make uninstall     removes these again
## make modules_install  modules to /lib/modules, as the kernel's own target does
## make modules_sign  signs the modules: KEY=FILE.pem CERT=FILE.x509
## make deps          installs Debian packages, fetches the lab's kernels into a cache
##   DEPS=0             for demo, check, check-all, check-latest, lint, bench: fetch nothing, need no root
## make demo          a GPU goes to a VM, and two VMs share one, in the lab, step by step
##   DEMO_KERNEL=6.1    on this kernel of the lab
## make check         all tests, on the lab's 6.1 and latest; the last line counts them
##   TESTS="a b"        only those whose name contains one of these, such as unit
##   NEWCOMER=1         and check-newcomer, beside them
## make check-all     on all kernels of the lab, in two userlands, with three QEMUs
## make check-latest  on the newest kernel that Debian 13's backports have, tried or not
## make check-newcomer  make demo as the first command on a bare Debian 13
## make debug-kernel  builds a kernel that finds faults (KASAN, lockdep, ...) into the cache, once
## make check-debug   the tests in guests, on that kernel
## make check-build   the lab's kernels, W=1, and the userspace, warnings being errors
## make bench         speed, as ratios to what others take
##   BENCH_KERNEL=6.1   on this kernel of the lab
## make lint          style, sparse, licences, sizes of files; CHECKS= for some of these
## make format        writes the C sources as clang-format would
## make clean         removes build/
## make distclean     removes the cache of kernels, too

deps:
	@tools/deps

debug-kernel:
	@tools/deps debug

# What a target needs comes first within its own recipe: prerequisites of one target may be made
# in any order, and together.
need = $(if $(filter 0,$(DEPS)),@:,@tools/deps $(1))
DEMO_KERNEL ?= 6.1
BENCH_KERNEL ?= 6.1

check:
	$(call need,packages)
	$(call need,$$(tests/run --needs $(TESTS)))
	@tests/run $(if $(NEWCOMER),--newcomer) $(TESTS)

check-all check-debug:
	$(call need,packages)
	$(call need,$$(tests/run --$(@:check-%=%) --needs $(TESTS)))
	@tests/run --$(@:check-%=%) $(TESTS)

check-latest:
	$(call need,packages)
	$(call need,--update $$(tests/run --kernel newest --needs $(TESTS)))
	@tests/run --kernel newest $(TESTS)

check-newcomer:
	$(call need,packages)
	@tests/newcomer/run

demo:
	$(call need,packages $(DEMO_KERNEL))
	+@$(MAKE) --no-print-directory modules KERNEL=$(DEMO_KERNEL)
	+@$(MAKE) --no-print-directory userspace
	@DEMO_KERNEL=$(DEMO_KERNEL) tools/demo/run

bench:
	$(call need,packages $(BENCH_KERNEL))
	+@$(MAKE) --no-print-directory modules KERNEL=$(BENCH_KERNEL)
	+@$(MAKE) --no-print-directory userspace
	@tools/bench/run --kernel $(BENCH_KERNEL)

lint:
	$(call need,packages 6.1 6.12 kselftest)
	@tools/lint $(CHECKS)

format:
	@git ls-files 'kmod/*.[ch]' 'tests/kmod/*.[ch]' 'userspace/*.[ch]' | xargs -r clang-format -i

# In folders of its own, for flags that differ would have all built anew each time.
check-build:
	$(call need,)
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
	@tools/deps --clean
