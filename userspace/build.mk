# SPDX-License-Identifier: GPL-2.0-only
# The library and the programs. One make for all folders, run from the top of the tree:
#   lib, and util       libqwamos-gpu, static and shared
#   audit ... vm        one archive for the programs
#   cmd/PROGRAM*.c      a program; the other files of cmd belong to all of them
#   helper/HELPER.c     a program that only ours start, for a library that may load anything

PROGRAMS := qwamos-gpu qwamos-vfio qwamos-vm
ROOMS := audit detect config qemu vfio sandbox vm
# Sources that the module has, too: the programs' alone, for the library tells what the kernel says.
CORES := $(wildcard kmod/policy.c kmod/rate.c kmod/quota.c)
HELPERS := $(patsubst userspace/helper/%.c,%,$(wildcard userspace/helper/qwamos-*.c))
PACKAGES := libkmod libpci yaml-0.1 json-c nettle libnl-genl-3.0 libnl-route-3.0 libseccomp libcap-ng \
	libbpf
# Libraries whose functions a program has from lazy/, which opens them when they are first called.
LAZY_qwamos-gpu := kmod pci bpf
LAZY_qwamos-vfio := kmod pci
LAZY_qwamos-vm := kmod pci bpf nl
# Of these only the headers: probes open the libraries when they run.
HEADERS := vulkan egl glesv2
VERSION := $(shell cat VERSION)
SONAME := libqwamos-gpu.so.0

QWAMOS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/qwamos-gpu
OUT ?= build
OBJ := $(OUT)/obj
BIN := $(OUT)/bin
LIB := $(OUT)/lib
LIBEXEC := $(OUT)/libexec/qwamos-gpu
Q := $(if $(V),,@)

CC ?= gcc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wwrite-strings -Wvla -Wundef \
	-Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-field-initializers \
	-Wno-format-truncation \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Werror=return-type -Werror=format-security \
	-Werror=uninitialized
HARDENING := -fstack-protector-strong -fPIC -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
INCLUDES := -I. -Iuapi -Iuserspace
lacking := $(strip $(foreach p,$(PACKAGES) $(HEADERS),$(shell pkg-config --exists $(p) || echo $(p))))
ifneq ($(lacking),)
$(error the libraries $(lacking) are not installed (or pkg-config is not): run 'make deps')
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES))
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DQWAMOS_VERSION='"$(VERSION)"' $(INCLUDES) \
	$(PKG_CFLAGS) $(WARNINGS) $(HARDENING) $(CFLAGS) $(if $(WERROR),-Werror)
ALL_LDFLAGS := -Wl,-z,relro,-z,now $(LDFLAGS)

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))
util_src := $(sort $(wildcard userspace/util/*.c))
lib_src := $(sort $(wildcard userspace/lib/*.c))
room_src := $(sort $(foreach r,$(ROOMS),$(wildcard userspace/$(r)/*.c))) $(CORES)
cmd_src := $(sort $(wildcard userspace/cmd/*.c))
program_src = userspace/cmd/$(1).c $(filter userspace/cmd/$(1)-%.c,$(cmd_src))
programs := $(foreach p,$(PROGRAMS),$(if $(wildcard userspace/cmd/$(p).c),$(p)))
shared_src := $(filter-out $(foreach p,$(PROGRAMS),$(call program_src,$(p))),$(cmd_src))

STATIC := $(LIB)/libqwamos-gpu.a
SHARED := $(LIB)/$(SONAME)
COMMON := $(OBJ)/common.a
ARCHIVES := $(COMMON) $(STATIC)
MAP := $(wildcard userspace/lib/libqwamos-gpu.map)

.PHONY: userspace
userspace: $(addprefix $(BIN)/,$(programs)) $(addprefix $(LIBEXEC)/,$(HELPERS)) \
	$(if $(wildcard userspace/lib/*.c),$(SHARED) $(STATIC))
	$(Q)$(if $(stale),rm -f $(stale))
# What an older tree has left there would be installed.
stale = $(filter-out $(addprefix $(LIBEXEC)/,$(HELPERS)),$(wildcard $(LIBEXEC)/*))

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Other flags, other objects; and an archive forgets a file that has been removed.
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(util_src) $(lib_src) $(room_src) $(shared_src))' | \
		cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(util_src) $(lib_src) $(room_src) $(shared_src))' >$@
.PHONY: FORCE
FORCE:

$(STATIC): $(call objects,$(lib_src) $(util_src)) $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  AR      $@"
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(COMMON): $(call objects,$(room_src) $(shared_src)) $(OBJ)/flags
	@echo "  AR      $@"
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

# Of util only what it needs.
$(OBJ)/util.a: $(call objects,$(util_src)) $(OBJ)/flags
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(SHARED): $(call objects,$(lib_src)) $(OBJ)/util.a $(MAP)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) $(if $(MAP),-Wl$(comma)--version-script=$(MAP)) \
		$(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) -Wl,--as-needed $(PKG_LIBS)
	$(Q)ln -sf $(SONAME) $(LIB)/libqwamos-gpu.so
comma := ,

lazy_src = $(if $(LAZY_$(1)),$(patsubst %,userspace/lazy/%.c,lazy $(LAZY_$(1))))

define program
$(BIN)/$(1): $(call objects,$(call program_src,$(1)) $(call lazy_src,$(1))) $(ARCHIVES) userspace/build.mk
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	$(Q)$$(CC) $$(ALL_LDFLAGS) -pie -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(ARCHIVES) -Wl,--end-group -Wl,--as-needed $$(PKG_LIBS)
endef
$(foreach p,$(programs),$(eval $(call program,$(p))))

$(LIBEXEC)/qwamos-probe-vulkan $(LIBEXEC)/qwamos-probe-egl: HELPER_LIBS := $(shell pkg-config --libs json-c)
$(LIBEXEC)/qwamos-probe-vulkan $(LIBEXEC)/qwamos-probe-egl: $(OBJ)/userspace/helper/probe.o
$(LIBEXEC)/%: $(OBJ)/userspace/helper/%.o $(OBJ)/util.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ -Wl,--as-needed $(HELPER_LIBS)

include tests/build.mk

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
