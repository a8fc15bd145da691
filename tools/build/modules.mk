# SPDX-License-Identifier: GPL-2.0-only
# The kernel modules, out of tree: sources are linked into build/kmod/VERSION, so that
# several kernels build side by side and the source tree stays clean.

KARCH := $(if $(filter %-arm64,$(KERNEL)),arm64,amd64)
LAB_KERNEL := $(or $(KERNEL:-arm64=),6.1)
LAB_ROOT := $(realpath $(QWAMOS_CACHE)/kernel/$(KARCH)/$(LAB_KERNEL))
LAB_KDIR := $(LAB_ROOT)/root/usr/src/linux-headers-$(notdir $(LAB_ROOT))
HOST_KDIR := $(wildcard /lib/modules/$(shell uname -r)/build)

ifdef KERNEL
KERNEL_DIR := $(LAB_KDIR)
else
KERNEL_DIR := $(or $(KDIR),$(HOST_KDIR),$(LAB_KDIR))
endif
# The tools of a kernel's headers may want another Debian than this machine's: see the file.
ifeq ($(KERNEL_DIR),$(LAB_KDIR))
USERLAND := $(shell awk '$$1 == "$(LAB_KERNEL)" && $$5 != "host" { print $$5 }' $(TOP)/tools/deps.d/kernels)
IN_USERLAND := $(if $(USERLAND),$(TOP)/tools/userland $(USERLAND) --)
endif
KVER := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
	$(KERNEL_DIR)/include/generated/utsrelease.h 2>/dev/null)
ifeq ($(KARCH),arm64)
CROSS := ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
endif

KOUT ?= $(TOP)/build/kmod/$(KVER)
# Modules that tests load: for the lab's kernels on amd64, and in a folder that nothing is installed
# from.
TEST_KOUT := $(KOUT)-tests
KMAKE = $(IN_USERLAND) $(MAKE) -C $(KERNEL_DIR) M=$(1) $(CROSS) $(KFLAGS) --no-print-directory

ifdef KERNEL
NO_HEADERS := no headers of a lab kernel '$(KERNEL)': $(or \
	$(shell cat $(QWAMOS_CACHE)/kernel/$(KARCH)/$(LAB_KERNEL).none 2>/dev/null), \
	run '$(if $(filter debug,$(KERNEL)),make debug-kernel,tools/deps $(KERNEL))')
else ifdef KDIR
NO_HEADERS := $(KDIR) is no built kernel tree, nor has it a kernel's headers
else
NO_HEADERS := no headers of the running kernel: install linux-headers-$(shell uname -r), or name a \
	built kernel tree by KDIR=DIR, or a kernel of the lab by KERNEL=6.1 after 'make deps'
endif

.PHONY: modules modules_install modules_sign test_modules
modules: $(KOUT)/.farm
	+@flock $(KOUT)/.lock $(call KMAKE,$(KOUT)) modules

ifneq ($(KERNEL),)
ifeq ($(KARCH),amd64)
modules: test_modules
endif
endif

# Not beside ours: two runs of Kbuild at once print into each other.
test_modules: $(KOUT)/.farm
	+@mkdir -p $(TEST_KOUT) && ln -sfn $(TOP)/tests/kmod/mockdrm/* $(TEST_KOUT) && \
		find $(TEST_KOUT) -xtype l -delete && \
		flock $(TEST_KOUT)/.lock $(call KMAKE,$(TEST_KOUT)) modules

# A link for each source; links whose source has gone, go too.
.PHONY: $(KOUT)/.farm
$(KOUT)/.farm:
	@[ -n "$(KVER)" ] || { echo "$(NO_HEADERS)" >&2; exit 1; }
	@mkdir -p $(KOUT)
	@cd $(TOP) && for f in ./Kbuild $$(find ./kmod ./uapi -name '*.[ch]' -o -name Kbuild); do \
		[ -L "$(KOUT)/$$f" ] || { mkdir -p "$(KOUT)/$${f%/*}" && \
			ln -sfn "$(TOP)/$$f" "$(KOUT)/$$f"; }; done
	@find $(KOUT) -xtype l -delete

ifdef IN_USERLAND
modules_install modules_sign:
	@echo "$@: KERNEL=$(KERNEL) is built with the userland $(USERLAND), for the lab: build for a" \
		"kernel that is installed by KDIR=DIR" >&2; exit 1
else
modules_install: modules
	+@flock $(KOUT)/.lock $(call KMAKE,$(KOUT)) modules_install $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR))

modules_sign: modules
	@[ -n "$(KEY)" ] && [ -n "$(CERT)" ] || { \
		echo "modules_sign: give the key and its certificate, KEY=FILE.pem CERT=FILE.x509" >&2; \
		exit 1; }
	@for f in $(KEY) $(CERT); do [ -r "$$f" ] || { \
		echo "modules_sign: cannot read $$f" >&2; exit 1; }; done
	@set -e; for m in $$(find $(KOUT) -name '*.ko'); do \
		$(KERNEL_DIR)/scripts/sign-file sha256 $(KEY) $(CERT) $$m; \
		echo "  SIGN    $$m"; done
endif
