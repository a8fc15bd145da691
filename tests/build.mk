# SPDX-License-Identifier: GPL-2.0-only
# Tests in C, a part of userspace/build.mk: each file of tests/unit and tests/guest is a
# program; tests/lib belongs to all of them. A file whose name contains "layout" is
# also built for 32 bit, as NAME-32, without any library; those of compat_src with tests/lib.
# Those of tests/nested are static, for a nested guest has nothing else.

TEST_OUT := $(OUT)/tests
CC32 ?= i686-linux-gnu-gcc
KSELFTEST := $(QWAMOS_CACHE)/kselftest
# DRM's interface comes with the lab's kernel.
DRM_UAPI := $(lastword $(sort $(wildcard $(QWAMOS_CACHE)/kernel/amd64/6.1/root/usr/src/*-common/include/uapi)))
DRM_CFLAGS = -D__user= -idirafter $(or $(DRM_UAPI),$(error no kernel 6.1 in $(QWAMOS_CACHE): run 'make deps'))
TEST_CFLAGS = -isystem $(KSELFTEST) -iquote tests/lib -Wno-missing-prototypes -Wno-shadow $(DRM_CFLAGS)
test_lib := $(call objects,$(sort $(wildcard tests/lib/*.c)))
unit_src := $(sort $(wildcard tests/unit/*.c))
guest_src := $(sort $(wildcard tests/guest/*.c))
layout_src := $(foreach s,$(unit_src) $(guest_src),$(if $(findstring layout,$(notdir $(s))),$(s)))
test_bin = $(patsubst tests/%.c,$(TEST_OUT)/%,$(1))
unit_bin := $(call test_bin,$(unit_src))
guest_bin := $(call test_bin,$(guest_src))
layout_bin := $(addsuffix -32,$(call test_bin,$(layout_src)))
# What 32-bit callers get from a 64-bit kernel.
compat_src := $(filter tests/guest/uapi_invalid.c tests/guest/gate_escape%,$(guest_src))
compat_bin := $(addsuffix -32,$(call test_bin,$(compat_src)))
nested_bin := $(call test_bin,$(sort $(wildcard tests/nested/*.c)))
# Two draw by what Mesa has.
$(TEST_OUT)/guest/mockdrm_gl $(TEST_OUT)/guest/gate_mock_gl: TEST_LIBS := -lEGL -lGLESv2
# Programs that draw.
gl_bin := $(call test_bin,$(sort $(wildcard tests/gl/*.c)))
# What the gate knows of calls, which no program needs.
decode_src := $(sort $(wildcard kmod/gate/decode*.c))

.PHONY: tests
tests: userspace $(unit_bin) $(guest_bin) $(layout_bin) $(compat_bin) $(nested_bin) $(gl_bin) \
	$(TEST_OUT)/calls_table

$(call objects,$(unit_src) $(guest_src) $(decode_src) $(sort $(wildcard tests/lib/*.c))): \
	ALL_CFLAGS += $(TEST_CFLAGS)

$(TEST_OUT)/unit/test_gate_decode: $(call objects,$(decode_src))
$(unit_bin) $(guest_bin): $(TEST_OUT)/%: $(OBJ)/tests/%.o $(test_lib) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) -Wl,--start-group $(ARCHIVES) \
		-Wl,--end-group -pthread -Wl,--as-needed $(PKG_LIBS) -lcmocka $(TEST_LIBS)

# For tools/calls/record.
$(TEST_OUT)/calls_table: tools/calls/calls_table.c $(COMMON) $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(COMMON)

$(layout_bin): $(TEST_OUT)/%-32: tests/%.c $(wildcard uapi/linux/*.h) $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC32    $<"
	$(Q)$(CC32) -std=gnu11 -D_GNU_SOURCE $(INCLUDES) $(TEST_CFLAGS) $(WARNINGS) $(CFLAGS) \
		$(if $(WERROR),-Werror) -static -o $@ $<

$(compat_bin): $(TEST_OUT)/%-32: tests/%.c $(wildcard tests/lib/*.[ch] uapi/linux/*.h) $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC32    $<"
	$(Q)$(CC32) -std=gnu11 -D_GNU_SOURCE $(INCLUDES) $(WARNINGS) $(TEST_CFLAGS) $(CFLAGS) \
		$(if $(WERROR),-Werror) -static -o $@ $< $(wildcard tests/lib/*.c)

$(gl_bin): $(TEST_OUT)/%: tests/%.c $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(if $(WERROR),-Werror) $(ALL_LDFLAGS) \
		-o $@ $< -lEGL -lGLESv2

$(nested_bin): $(TEST_OUT)/%: tests/%.c $(OBJ)/flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(if $(WERROR),-Werror) $(DRM_CFLAGS) \
		-static -o $@ $<
