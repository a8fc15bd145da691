// SPDX-License-Identifier: GPL-2.0-only
/* Render nodes in a made-up sysfs: which one is taken, and what a sandbox is told of it. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/file.h"
#include "util/mem.h"
#include "vm/render.h"

#define IGPU "0000:00:02.0"
#define DGPU "0000:03:00.0"
#define VIRT "0000:00:05.0"

struct sys {
	char path[64];
};

static void put(const struct sys *s, const char *at, const char *text)
{
	char *path = qmem_printf("%s/%s", s->path, at), *slash = strrchr(path, '/');
	FILE *f;

	*slash = '\0';
	assert_int_equal(qfile_mkdirs(path, 0755), 0);
	*slash = '/';
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static void link_to(const struct sys *s, const char *at, const char *target)
{
	char *path = qmem_printf("%s/%s", s->path, at), *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(qfile_mkdirs(path, 0755), 0);
	*slash = '/';
	assert_int_equal(symlink(target, path), 0);
	free(path);
}

/* A device with a node; @bus NULL: without a driver, as vgem's. */
static void add(const struct sys *s, const char *device, const char *bus, unsigned int minor)
{
	char at[256], to[256];

	snprintf(at, sizeof(at), "devices/%s/drm/renderD%u/dev", device, minor);
	snprintf(to, sizeof(to), "226:%u\n", minor);
	put(s, at, to);
	snprintf(at, sizeof(at), "devices/%s/drm/renderD%u/device", device, minor);
	link_to(s, at, "../..");
	snprintf(at, sizeof(at), "class/drm/renderD%u", minor);
	snprintf(to, sizeof(to), "../../devices/%s/drm/renderD%u", device, minor);
	link_to(s, at, to);
	snprintf(at, sizeof(at), "devices/%s/uevent", device);
	put(s, at, "DRIVER=some\n");
	if (!bus)
		return;
	snprintf(at, sizeof(at), "devices/%s/driver", device);
	snprintf(to, sizeof(to), "%s/bus/driver", s->path);
	assert_int_equal(qfile_mkdirs(to, 0755), 0);
	link_to(s, at, to);
	snprintf(at, sizeof(at), "devices/%s/subsystem", device);
	snprintf(to, sizeof(to), "../../../bus/%s", bus);
	link_to(s, at, to);
}

static void add_pci(const struct sys *s, const char *device, const char *addr, bool boot)
{
	char at[256], to[256];

	snprintf(at, sizeof(at), "devices/%s/boot_vga", device);
	put(s, at, boot ? "1\n" : "0\n");
	snprintf(at, sizeof(at), "devices/%s/vendor", device);
	put(s, at, "0x1002\n");
	snprintf(at, sizeof(at), "devices/%s/config", device);
	put(s, at,
	    "0123456789012345678901234567890123456789012345678901234567890123 and more of it");
	snprintf(at, sizeof(at), "devices/%s/resource0", device);
	put(s, at, "what nobody is to see");
	snprintf(at, sizeof(at), "bus/pci/devices/%s", addr);
	snprintf(to, sizeof(to), "../../../devices/%s", device);
	link_to(s, at, to);
}

static int setup(void **state)
{
	struct sys *s = calloc(1, sizeof(*s));

	*state = s;
	snprintf(s->path, sizeof(s->path), "/tmp/test_render.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct sys *s = *state;

	nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

static void none(void **state)
{
	struct sys *s = *state;
	struct qvm_render r;
	struct qerr e;

	assert_int_equal(qvm_render_find(s->path, NULL, &r, &e), -ENODEV);
	assert_string_equal(e.msg, "no GPU of this computer has a render node that draws in 3D");
	assert_string_equal(r.path, "");
	add(s, "platform/vgem", NULL, 128);
	assert_int_equal(qvm_render_find(s->path, NULL, &r, &e), -ENODEV);
	assert_int_equal(qvm_render_find(s->path, IGPU, &r, &e), -ENODEV);
	assert_non_null(strstr(e.msg, IGPU " has no render node"));
}

/* Numbers are numbers: renderD1000 comes after renderD129, not before. */
static void first(void **state)
{
	struct sys *s = *state;
	struct qvm_render r;
	struct qerr e;

	add(s, "pci0000:00/" IGPU, "pci", 1000);
	add(s, "platform/fde60000.gpu", "platform", 129);
	assert_int_equal(qvm_render_find(s->path, NULL, &r, &e), 0);
	assert_string_equal(r.path, "/dev/dri/renderD129");
	assert_string_equal(r.device, "devices/platform/fde60000.gpu");
	assert_string_equal(r.addr, "");
	assert_string_equal(qvm_render_name(&r), "/dev/dri/renderD129");
	assert_int_equal(qvm_render_find(s->path, IGPU, &r, &e), 0);
	assert_string_equal(r.path, "/dev/dri/renderD1000");
	assert_string_equal(qvm_render_name(&r), IGPU);
}

/* A GPU behind bridges has the address of the last of them. */
static void boot_vga(void **state)
{
	static const char *const igpu = "pci0000:00/" IGPU,
				*const dgpu = "pci0000:00/0000:00:1c.0/0000:02:00.0/" DGPU;
	struct sys *s = *state;
	struct qvm_render r;
	struct qerr e;

	add(s, dgpu, "pci", 128);
	add_pci(s, dgpu, DGPU, false);
	add(s, igpu, "pci", 129);
	add_pci(s, igpu, IGPU, true);
	assert_int_equal(qvm_render_find(s->path, NULL, &r, &e), 0);
	assert_string_equal(r.addr, IGPU);
	assert_int_equal(qvm_render_find(s->path, DGPU, &r, &e), 0);
	assert_string_equal(r.path, "/dev/dri/renderD128");
	assert_string_equal(r.addr, DGPU);
}

static const char *link_of(const struct qsandbox *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->n_links; i++)
		if (!strcmp(s->links[i].path, path))
			return s->links[i].target;
	return "";
}

static const struct qsandbox_text *text_of(const struct qsandbox *s, const char *path)
{
	size_t i;

	for (i = 0; i < s->n_texts; i++)
		if (!strcmp(s->texts[i].path, path))
			return &s->texts[i];
	return NULL;
}

/* virtio_gpu's node stands one device below the PCI function. */
static void shown(void **state)
{
	static const struct qsandbox_node node = { "dri/renderD128", 240, 128 };
	static const char *const pci = "pci0000:00/" VIRT;
	const struct qsandbox_text *t;
	struct sys *s = *state;
	struct qsandbox sandbox = { 0 };
	struct qvm_render r;
	struct qerr e;
	size_t i;

	add(s, "pci0000:00/" VIRT "/virtio2", "virtio", 128);
	add_pci(s, pci, VIRT, true);
	link_to(s, "devices/pci0000:00/" VIRT "/subsystem", "../../../bus/pci");
	put(s, "devices/pci0000:00/" VIRT "/uevent", "PCI_SLOT_NAME=" VIRT "\n");
	assert_int_equal(qvm_render_find(s->path, NULL, &r, &e), 0);
	assert_string_equal(r.addr, VIRT);
	assert_int_equal(qvm_render_add_sysfs(&r, s->path, &node, &sandbox, &e), 0);
	assert_string_equal(link_of(&sandbox, "/sys/dev/char/240:128"),
			    "/sys/devices/pci0000:00/" VIRT "/virtio2/drm/renderD128");
	assert_string_equal(
		link_of(&sandbox,
			"/sys/devices/pci0000:00/" VIRT "/virtio2/drm/renderD128/device"),
		"/sys/devices/pci0000:00/" VIRT "/virtio2");
	assert_string_equal(link_of(&sandbox, "/sys/devices/pci0000:00/" VIRT "/virtio2/subsystem"),
			    "/sys/bus/virtio");
	assert_string_equal(link_of(&sandbox, "/sys/devices/pci0000:00/" VIRT "/subsystem"),
			    "/sys/bus/pci");
	t = text_of(&sandbox, "/sys/devices/pci0000:00/" VIRT "/config");
	assert_true(t && t->n == 64);
	t = text_of(&sandbox, "/sys/devices/pci0000:00/" VIRT "/uevent");
	assert_true(t && !memcmp(t->bytes, "PCI_SLOT_NAME=", 14));
	t = text_of(&sandbox,
		    "/sys/devices/pci0000:00/" VIRT "/virtio2/drm/renderD128/uevent");
	assert_true(t && strstr(t->bytes, "MAJOR=240\nMINOR=128\nDEVNAME=dri/renderD128\n"));
	for (i = 0; i < sandbox.n_texts; i++)
		assert_null(strstr(sandbox.texts[i].path, "resource"));
	qsandbox_free(&sandbox);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(none), TEST(first), TEST(boot_vga), TEST(shown) };

	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
