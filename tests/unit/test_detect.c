// SPDX-License-Identifier: GPL-2.0-only
/* Detection against a sysfs made of plain files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "detect/console.h"
#include "detect/pci.h"
#include "detect/platform.h"
#include "util/file.h"
#include "util/mem.h"

static char root[64];

static void put_bytes(const char *path, const void *data, size_t len)
{
	char *full = qmem_printf("%s/%s", root, path), *slash = strrchr(full, '/');
	int fd;

	*slash = '\0';
	assert_int_equal(qfile_mkdirs(full, 0755), 0);
	*slash = '/';
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
	free(full);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
	char *full = qmem_printf("%s/%s", root, path), *slash = strrchr(full, '/');

	*slash = '\0';
	assert_int_equal(qfile_mkdirs(full, 0755), 0);
	*slash = '/';
	assert_int_equal(symlink(target, full), 0);
	free(full);
}

static void add_pci(const char *addr, const char *class, int group, const char *driver, char header)
{
	static const char *const names[] = {
		"class", "vendor", "device", "subsystem_vendor", "subsystem_device", "reset_method",
	};
	const char *const values[] = { class, "0x10de", "0x1eb8", "0x10de", "0x12a2", "flr bus" };
	char path[160], target[96], config[64] = { 0 };
	size_t i;

	for (i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "devices/pci0000:00/%s/%s", addr, names[i]);
		snprintf(target, sizeof(target), "%s\n", values[i]);
		put(path, target);
	}
	snprintf(path, sizeof(path), "devices/pci0000:00/%s/config", addr);
	config[0x0e] = header;
	put_bytes(path, config, sizeof(config));
	snprintf(path, sizeof(path), "bus/pci/devices/%s", addr);
	snprintf(target, sizeof(target), "../../../devices/pci0000:00/%s", addr);
	put_link(path, target);
	if (group >= 0) {
		snprintf(path, sizeof(path), "devices/pci0000:00/%s/iommu_group", addr);
		snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
		put_link(path, target);
		snprintf(path, sizeof(path), "kernel/iommu_groups/%d/devices/%s", group, addr);
		put_link(path, "../../../../devices/x");
	}
	if (driver) {
		snprintf(path, sizeof(path), "devices/pci0000:00/%s/driver", addr);
		snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
		put_link(path, target);
	}
}

static int setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/test_detect.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void no_bus(void **state)
{
	struct qpci_list l;
	struct qplat_list p;
	struct qerr e;

	assert_int_equal(qpci_gather(root, NULL, 0, &l, &e), 0);
	assert_int_equal(l.n + l.n_others, 0);
	assert_false(l.iommu);
	qpci_list_free(&l);
	assert_int_equal(qplat_gather(root, &p, &e), 0);
	assert_int_equal(p.n, 0);
}

static void pci(void **state)
{
	const char only[1][QPCI_ADDR_LEN] = { "0000:01:00.0" };
	const char nic[1][QPCI_ADDR_LEN] = { "0000:00:1f.6" };
	struct qpci_list l;
	struct qpci_dev *d;
	struct qerr e;

	add_pci("0000:00:01.0", "0x060400", 3, "pcieport", 1);
	add_pci("0000:01:00.0", "0x030000", 3, "nvidia", 0);
	add_pci("0000:01:00.1", "0x040300", 3, NULL, 0);
	add_pci("0000:00:1f.6", "0x020000", 7, "e1000e", 0);
	add_pci("0000:02:00.0", "0x120000", -1, NULL, 0);
	put("devices/pci0000:00/0000:01:00.0/boot_vga", "1\n");
	put("class/iommu/dmar0", "");

	assert_int_equal(qpci_gather(root, NULL, 0, &l, &e), 0);
	assert_true(l.iommu);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.n_others, 1);
	assert_true(qpci_is_other(&l, "0000:00:1f.6"));
	assert_null(qpci_find(&l, "0000:00:1f.6"));
	d = qpci_find(&l, "0000:01:00.0");
	assert_int_equal(d->kind, QPCI_GPU);
	assert_int_equal(d->vendor, 0x10de);
	assert_int_equal(d->device, 0x1eb8);
	assert_int_equal(d->subvendor, 0x10de);
	assert_int_equal(d->subdevice, 0x12a2);
	assert_int_equal(d->class_code, 0x030000);
	assert_int_equal(d->group, 3);
	assert_string_equal(d->driver, "nvidia");
	assert_string_equal(d->resets, "flr bus");
	assert_true(d->boot_vga && d->root_bus);
	assert_false(d->vf);
	d = qpci_find(&l, "0000:01:00.1");
	assert_int_equal(d->kind, QPCI_OTHER);
	assert_string_equal(d->driver, "");
	assert_int_equal(qpci_find(&l, "0000:00:01.0")->kind, QPCI_BRIDGE);
	assert_int_equal(qpci_find(&l, "0000:00:01.0")->group, 3);
	d = qpci_find(&l, "0000:02:00.0");
	assert_int_equal(d->kind, QPCI_GPU);
	assert_int_equal(d->group, -1);
	qpci_list_free(&l);

	/* Only one, and what goes with it. */
	assert_int_equal(qpci_gather(root, only, 1, &l, &e), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(qpci_find(&l, "0000:01:00.1")->group, 3);
	assert_null(qpci_find(&l, "0000:02:00.0"));
	qpci_list_free(&l);
	assert_int_equal(qpci_gather(root, nic, 1, &l, &e), 0);
	assert_int_equal(l.n, 0);
	assert_int_equal(l.n_others, 1);
	qpci_list_free(&l);
}

static void platform(void **state)
{
	static const char mali[] = "rockchip,rk3588-mali\0arm,mali-valhall-csf\0";
	static const char uart[] = "arm,pl011\0arm,primecell\0";
	struct qplat_list l;
	struct qerr e;

	put_bytes("bus/platform/devices/fb000000.gpu/of_node/compatible", mali, sizeof(mali) - 1);
	put_link("bus/platform/devices/fb000000.gpu/driver",
		 "../../../../bus/platform/drivers/panthor");
	put_bytes("bus/platform/devices/5000000.gpu/of_node/compatible", "qcom,adreno-740.1\0", 18);
	put_link("bus/platform/devices/5000000.gpu/iommu_group",
		 "../../../../kernel/iommu_groups/12");
	put_bytes("bus/platform/devices/9000000.pl011/of_node/compatible", uart, sizeof(uart) - 1);
	put("bus/platform/devices/alarmtimer/uevent", "");
	/* Without a device tree nothing is looked at. */
	assert_int_equal(qplat_gather(root, &l, &e), 0);
	assert_int_equal(l.n, 0);
	put("firmware/devicetree/base/model", "");
	assert_int_equal(qplat_gather(root, &l, &e), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.devs[0].name, "5000000.gpu");
	assert_string_equal(l.devs[0].compatible, "qcom,adreno-740.1");
	assert_string_equal(l.devs[0].driver, "");
	assert_int_equal(l.devs[0].group, 12);
	assert_string_equal(l.devs[1].compatible, "arm,mali-valhall-csf");
	assert_string_equal(l.devs[1].driver, "panthor");
	assert_int_equal(l.devs[1].group, -1);
	assert_non_null(qplat_find(&l, "fb000000.gpu"));
	assert_null(qplat_find(&l, "9000000.pl011"));
	qplat_list_free(&l);
}

static void firmware_framebuffer(void **state)
{
	char *proc = qmem_printf("%s/proc", root);
	struct qdetect_console c;

	put("proc/iomem", "00000000-00000fff : Reserved\n"
			  "e0000000-efffffff : PCI Bus 0000:01\n"
			  "  e0000000-e1ffffff : 0000:01:00.0\n"
			  "    e0000000-e02fffff : BOOTFB\n"
			  "      e0000000-e02fffff : simplefb\n"
			  "fd000000-fdffffff : 0000:02:00.0\n");
	put("bus/pci/devices/0000:01:00.0/resource",
	    "0x00000000e0000000 0x00000000e1ffffff 0x0000000000042208\n"
	    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	put("bus/pci/devices/0000:02:00.0/resource",
	    "0x00000000fd000000 0x00000000fdffffff 0x0000000000042208\n");
	qconsole_gather(root, proc, "/nonexistent", true, &c);
	assert_int_equal(c.n_fw, 2);
	assert_int_equal(c.fb, -1);
	assert_string_equal(qconsole_fw_holder(&c, root, "0000:01:00.0"), "simplefb");
	assert_null(qconsole_fw_holder(&c, root, "0000:02:00.0"));
	assert_null(qconsole_fw_holder(&c, root, "0000:03:00.0"));
	/* Without root there are no addresses: nothing is known, and nothing claimed. */
	put("proc/iomem", "00000000-00000000 : BOOTFB\n");
	qconsole_gather(root, proc, "/nonexistent", true, &c);
	assert_int_equal(c.n_fw, 0);
	free(proc);
}

static void addresses(void **state)
{
	static const struct {
		const char *typed, *full;
	} good[] = {
		{ "0000:01:00.0", "0000:01:00.0" },
		{ "01:00.0", "0000:01:00.0" },
		{ "AB:1F.7", "0000:ab:1f.7" },
		{ "10000:e1:00.0", "10000:e1:00.0" },
	};
	char addr[QPCI_ADDR_LEN];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(addr, 0xcc, sizeof(addr));
		assert_true(qpci_parse_addr(good[i].typed, addr));
		assert_string_equal(addr, good[i].full);
	}
	assert_false(qpci_parse_addr("1:00.0", addr));
	assert_string_equal(addr, "");
	assert_true(qpci_same_slot("0000:01:00.0", "0000:01:00.7"));
	assert_false(qpci_same_slot("0000:01:00.0", "0000:01:01.0"));
	assert_false(qpci_same_slot("0000:01:00.0", "0001:01:00.0"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_bus), T(pci), T(platform), T(firmware_framebuffer), T(addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
