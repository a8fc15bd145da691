// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's command line for whole configs, one word a line, with all that was said before it: held
 * against the files of tests/data/qemu/golden. With UPDATE=1 in the environment they are written
 * anew. tests/e2e/qemu_boot.py starts those of 7.2.
 */
#include "config_file.h"

#include <stdio.h>

#include "qemu/args.h"
#include "qemu/caps.h"
#include "util/file.h"
#include "util/mem.h"

#define REAL   "tests/data/vm-configs/"
#define OURS   "tests/data/qemu/configs/"
#define GOLDEN "tests/data/qemu/golden/"

/* A GPU with its audio function and its USB controller. */
static const char *const gpu[] = { "0000:01:00.0", "0000:01:00.1", "0000:01:00.2" };

/* What a computer has; the gated render node is there in that with 3D. */
static const struct qemu_host plain = { .no_kvm = "it is not to be used",
					.no_render = "there is no render node",
					.tap = "qw-bridge",
					.qmp_fd = -1 };
static const struct qemu_host with_gpu = { .no_kvm = "it is not to be used",
					   .no_render = "there is no render node",
					   .devices = gpu,
					   .n_devices = 3,
					   .devices_together = true,
					   .iommufd = true,
					   .qmp_fd = -1 };
static const struct qemu_host with_one = { .no_kvm = "it is not to be used",
					   .no_render = "there is no render node",
					   .devices = gpu,
					   .n_devices = 1,
					   .qmp_fd = -1 };
static const struct qemu_host with_3d = { .render_node = "/dev/dri/renderD128", .qmp_fd = -1 };
static const struct qemu_host with_vnc = { .render_node = "/dev/dri/renderD128",
					   .display = "vnc=127.0.0.1:1",
					   .no_vulkan = "no Vulkan driver is installed",
					   .qmp_fd = -1 };
static const struct qemu_host with_window = { .render_node = "/dev/dri/renderD128",
					      .display = "gtk",
					      .qmp_fd = -1 };

static const struct {
	const char *dir;
	const char *config;
	const char *caps;
	const struct qemu_host *host;
	const char *golden; /* NULL: as the config */
} cases[] = {
	{ REAL, "android-vm", "7.2-aarch64", &plain },
	{ REAL, "android-vm", "7.2-x86_64", &plain },
	{ REAL, "gateway-1", "7.2-aarch64", &plain },
	{ REAL, "gateway-1", "7.2-x86_64", &plain },
	{ REAL, "kali-vm", "7.2-aarch64", &plain },
	{ REAL, "test-gpu-vm", "7.2-aarch64", &plain },
	{ REAL, "test-gpu-vm", "7.2-x86_64", &plain },
	{ REAL, "vault-vm", "7.2-aarch64", &plain },
	{ REAL, "whonix-vm", "7.2-aarch64", &plain },
	{ OURS, "development", "7.2-aarch64", &plain },
	{ OURS, "development", "7.2-x86_64", &plain },
	{ OURS, "media", "7.2-aarch64", &plain },
	{ OURS, "media", "7.2-x86_64", &plain },
	{ OURS, "untrusted", "7.2-aarch64", &plain },
	{ OURS, "untrusted", "7.2-x86_64", &plain },
	{ OURS, "fallback", "7.2-aarch64", &plain },
	{ OURS, "fallback", "7.2-x86_64", &plain },
	{ OURS, "smmu", "7.2-aarch64", &plain },
	{ OURS, "smmu", "7.2-x86_64", &plain },
	{ OURS, "none", "7.2-aarch64", &plain },
	{ OURS, "none", "7.2-x86_64", &plain },
	{ OURS, "vga", "7.2-aarch64", &plain },
	{ OURS, "vga", "7.2-x86_64", &plain },
	{ OURS, "bridge", "7.2-aarch64", &plain },
	{ OURS, "bridge", "7.2-x86_64", &plain },
	{ OURS, "passthrough", "7.2-aarch64", &with_gpu },
	{ OURS, "passthrough", "7.2-x86_64", &with_gpu },
	{ OURS, "passthrough-smmu", "7.2-aarch64", &with_gpu },
	{ OURS, "passthrough-smmu", "7.2-x86_64", &with_gpu },
	{ OURS, "passthrough-smmu", "7.2-x86_64", &with_one, "passthrough-smmu-one" },
	{ OURS, "passthrough", "10.0-aarch64", &with_gpu },
	{ OURS, "passthrough", "10.0-x86_64", &with_gpu },
	{ OURS, "development", "7.2gui-x86_64", &with_3d, "development-3d" },
	{ OURS, "development", "10.0-aarch64", &with_3d, "development-3d" },
	{ OURS, "development", "10.0-x86_64", &with_3d, "development-3d" },
	{ OURS, "media", "10.0-x86_64", &with_vnc, "media-vnc" },
	{ OURS, "media", "10.0-x86_64", &with_window, "media-window" },
	{ OURS, "untrusted", "10.0-x86_64", &with_3d, "untrusted-3d" },
	{ OURS, "fallback", "10.0-x86_64", &with_3d, "fallback-3d" },
	{ REAL, "test-gpu-vm", "10.0-aarch64", &with_3d, "test-gpu-vm-3d" },
};

static char *all_of(const struct loaded *l, const struct qemu_args *a)
{
	char *out = NULL, *line;
	FILE *f;
	size_t i, len;

	f = open_memstream(&out, &len);
	assert_non_null(f);
	for (i = 0; i < l->d.n; i++) {
		line = qdiag_format(&l->d, &l->d.list[i]);
		fprintf(f, "# %s\n", line);
		free(line);
	}
	for (i = 0; i < a->n; i++)
		fprintf(f, "%s\n", a->v[i]);
	assert_int_equal(fclose(f), 0);
	return out;
}

static void compare(const char *path, const char *text)
{
	char *want;

	if (getenv("UPDATE")) {
		assert_int_equal(qfile_replace(path, text, strlen(text), 0644), 0);
		return;
	}
	if (qfile_read_all(AT_FDCWD, path, 1 << 20, &want) < 0)
		fail_msg("%s can't be read", path);
	if (strcmp(text, want))
		fail_msg("%s expects other words; UPDATE=1 writes:\n%s", path, text);
	free(want);
}

static void one(size_t i)
{
	char file[128], golden[128];
	struct qemu_caps caps;
	struct qemu_plan p;
	struct qemu_args a;
	struct qemu_host h = *cases[i].host;
	struct loaded l;
	struct qerr err;
	char *text;
	int machine;

	snprintf(file, sizeof(file), "tests/data/qemu/%s.json", cases[i].caps);
	if (qemu_caps_read(file, &caps, &err))
		fail_msg("%s", err.msg);
	snprintf(file, sizeof(file), "%s%s.yaml", cases[i].dir, cases[i].config);
	l = load_file(file);
	assert_int_equal(l.ret, 0);
	machine = strcmp(qemu_caps_text(&caps, "arch"), "aarch64") ? QMACHINE_Q35 : QMACHINE_VIRT;
	h.other_machine = qconfig_where(&l.c, "machine.type").line && machine != l.c.machine;
	l.c.machine = machine;
	assert_int_equal(qemu_extra_check(&l.c, &l.d), 0);
	if (qemu_plan(&l.c, &caps, &h, &p, &l.d))
		fail_msg("%s can't be planned", file);
	qemu_args_build(&l.c, &h, &p, &a);
	text = all_of(&l, &a);
	/* What venus needs the sandbox refuses, and then the guest has no GPU at all. */
	assert_false(strstr(text, "venus=on") && strstr(text, "spawn=deny"));
	snprintf(golden, sizeof(golden), GOLDEN "%s.%s",
		 cases[i].golden ? cases[i].golden : cases[i].config, cases[i].caps);
	compare(golden, text);
	free(text);
	qemu_args_free(&a);
	qemu_plan_free(&p);
	qemu_caps_free(&caps);
	unload(&l);
}

static void golden(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		one(i);
}

/* Each adapter that goes missing takes the VM one step down; none at all is an error. */
static void steps_down(void **state)
{
	static const char doc[] =
		"{\"schema\": 1, \"arch\": \"x86_64\", \"version\": \"0\", \"machines\": [\"q35\"], "
		"\"cpus\": [], \"devices\": [%s], \"objects\": [], \"displays\": [], "
		"\"options\": [\"sandbox\", \"netdev\"]}";
	static const struct {
		const char *devices;
		int got, ret;
		const char *model;
	} steps[] = {
		{ "\"vfio-pci\", \"pcie-root-port\", \"virtio-gpu-pci\"", QACCESS_PASSTHROUGH, 0,
		  NULL },
		{ "\"pcie-root-port\", \"virtio-gpu-pci\"", QACCESS_VIRTIO, 0, "virtio-gpu-pci" },
		{ "\"VGA\", \"ramfb\"", QACCESS_SOFTWARE, 0, "VGA" },
		{ "", QACCESS_SOFTWARE, -EINVAL, NULL },
	};
	struct qemu_caps caps;
	struct qemu_plan p;
	struct loaded l;
	size_t i;
	char *text;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char path[] = "/tmp/test_caps.XXXXXX";
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		close(fd);
		text = qmem_printf(doc, steps[i].devices);
		assert_int_equal(qfile_replace(path, text, strlen(text), 0600), 0);
		free(text);
		assert_int_equal(qemu_caps_read(path, &caps, NULL), 0);
		unlink(path);
		l = load_file(OURS "passthrough.yaml");
		l.c.machine = QMACHINE_Q35;
		memset(&p, 0xcc, sizeof(p));
		assert_int_equal(qemu_plan(&l.c, &caps, &with_gpu, &p, &l.d), steps[i].ret);
		assert_int_equal(p.gpu.got, steps[i].got);
		assert_int_equal(p.gpu.asked, QACCESS_PASSTHROUGH);
		if (steps[i].model)
			assert_string_equal(p.gpu.model, steps[i].model);
		else
			assert_null(p.gpu.model);
		assert_int_equal(!!p.gpu.reason, i > 0);
		qemu_plan_free(&p);
		/* No step without leave. */
		l.c.fallback = 0;
		assert_int_equal(qemu_plan(&l.c, &caps, &with_gpu, &p, &l.d), i ? -EINVAL : 0);
		qemu_plan_free(&p);
		qemu_caps_free(&caps);
		unload(&l);
	}
}

static void wrong_caps(void **state)
{
	static const char *const wrong[] = {
		"", "[]", "{}", "{\"schema\": 1}", "{\"schema\": 2, \"arch\": \"x86_64\"}", "{"
	};
	struct qemu_caps caps;
	struct qerr err;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char path[] = "/tmp/test_caps.XXXXXX";
		int fd = mkstemp(path);

		assert_int_equal(write(fd, wrong[i], strlen(wrong[i])), strlen(wrong[i]));
		close(fd);
		assert_int_equal(qemu_caps_read(path, &caps, &err), -EBADMSG);
		assert_null(caps.doc);
		assert_non_null(strstr(err.msg, path));
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(steps_down),
		cmocka_unit_test(wrong_caps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("qemu_golden", tests, NULL, NULL);
}
