// SPDX-License-Identifier: GPL-2.0-only
/* Whether the host uses a device, judged by what was seen of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "vfio/hostuse.h"

/*
 * One disk, interface, mediated device and node; which of them are there, a case says. Of what is
 * not there, there is no array either, as outside of tests.
 */
struct fixture {
	struct qdisk disk;
	struct qnetif netif;
	char mdev[40];
	struct qbelow_node node;
	char lost[32];
	struct quse_facts f;
};

/* What of it is there. */
#define DISK   (1U << 0)
#define NETIF  (1U << 1)
#define MDEV   (1U << 2)
#define NODE   (1U << 3)
#define HUB    (1U << 4)
#define PLUG   (1U << 5)
#define TTY    (1U << 6)
#define LOST   (1U << 7)
#define MOVED  (1U << 8)
#define IN_GPU (1U << 9)

#define SET(field, text) snprintf(field, sizeof(field), "%s", text)

static void fill(struct fixture *x, unsigned int there)
{
	memset(x, 0, sizeof(*x));
	SET(x->disk.name, "nvme0n1");
	SET(x->netif.name, "eth7");
	SET(x->mdev, "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
	SET(x->lost, "nvme0c0n1");
	x->f.disks = there & DISK ? &x->disk : NULL;
	x->f.n_disks = !!(there & DISK);
	x->f.below.netifs = there & NETIF ? &x->netif : NULL;
	x->f.below.n_netifs = !!(there & NETIF);
	x->f.below.mdevs = there & MDEV ? &x->mdev : NULL;
	x->f.below.n_mdevs = !!(there & MDEV);
	x->f.below.nodes = there & NODE ? &x->node : NULL;
	x->f.below.n_nodes = !!(there & NODE);
	x->f.below.lost_disks = there & LOST ? &x->lost : NULL;
	x->f.below.n_lost_disks = !!(there & LOST);
	x->f.below.netifs_elsewhere = !!(there & MOVED);
	x->f.below.usb_hub = there & HUB;
	if (there & PLUG)
		SET(x->f.below.usb_device, "1-1");
	if (there & TTY)
		SET(x->f.console, "ttyS4");
	x->f.gpu_slot = there & IN_GPU;
}

static void judge(const struct fixture *x, uint32_t class, const char *driver,
		  struct qhost_use *use)
{
	struct qpci_dev d = { .class_code = class };

	snprintf(d.driver, sizeof(d.driver), "%s", driver);
	qhostuse_judge(&d, &x->f, use);
}

static void by_class(void **state)
{
	static const struct {
		uint32_t class;
		const char *driver;
		unsigned int there;
		enum quse use;
	} cases[] = {
		/* Without a driver nothing is used. */
		{ 0x108000, "", 0, QUSE_NO },
		{ 0x010802, "", 0, QUSE_NO },
		/* Stand-ins for whoever holds a node. */
		{ 0x108000, "vfio-pci", NODE, QUSE_NO },
		{ 0x020000, "vfio-pci", 0, QUSE_NO },
		{ 0x020000, "mlx5_vfio_pci", 0, QUSE_NO },
		{ 0x0c0500, "pci-stub", 0, QUSE_NO },
		{ 0x020000, "uio_pci_generic", NODE, QUSE_NO },
		/* Disks that nobody has claimed. */
		{ 0x010802, "nvme", DISK | NODE, QUSE_NO },
		{ 0x010601, "ahci", 0, QUSE_NO },
		{ 0x010802, "nvme", LOST, QUSE_UNKNOWN },
		/* Network: an interface is seen, and is down. */
		{ 0x020000, "e1000e", NETIF, QUSE_NO },
		{ 0x028000, "iwlwifi", NETIF, QUSE_NO },
		{ 0x020000, "e1000e", 0, QUSE_UNKNOWN },
		{ 0x020000, "mlx4_core", NETIF | MOVED, QUSE_YES },
		{ 0x020700, "mlx5_core", NETIF, QUSE_UNKNOWN },
		/* USB */
		{ 0x0c0330, "xhci_hcd", HUB, QUSE_NO },
		{ 0x0c0330, "xhci_hcd", HUB | PLUG, QUSE_YES },
		{ 0x0c0330, "xhci_hcd", 0, QUSE_UNKNOWN },
		{ 0x0c0340, "thunderbolt", HUB, QUSE_UNKNOWN },
		/* Sound and displays are used through nodes. */
		{ 0x040300, "snd_hda_intel", NODE, QUSE_NO },
		{ 0x040300, "snd_hda_intel", 0, QUSE_NO },
		{ 0x048000, "snd_pci_ps", NODE, QUSE_UNKNOWN },
		{ 0x030000, "amdgpu", NODE, QUSE_NO },
		{ 0x030200, "nvidia", MDEV, QUSE_YES },
		{ 0x120000, "habanalabs", NETIF | NODE, QUSE_NO },
		/* Serial */
		{ 0x070002, "8250", NODE, QUSE_NO },
		{ 0x070002, "8250", 0, QUSE_UNKNOWN },
		{ 0x070002, "8250", NODE | TTY, QUSE_YES },
		/* USB-C of a GPU, and of nobody */
		{ 0x0c8000, "nvidia-gpu", IN_GPU, QUSE_NO },
		{ 0x0c8000, "nvidia-gpu", 0, QUSE_UNKNOWN },
		/* Of all else nothing is known. */
		{ 0x108000, "ccp", 0, QUSE_UNKNOWN },
		{ 0x0c0500, "i801_smbus", NODE, QUSE_UNKNOWN },
		{ 0x060100, "lpc_ich", 0, QUSE_UNKNOWN },
		{ 0x088000, "ioatdma", 0, QUSE_UNKNOWN },
		{ 0x078000, "mei_me", NODE, QUSE_UNKNOWN },
		{ 0x080501, "sdhci-pci", 0, QUSE_UNKNOWN },
		{ 0x0b4000, "qat_4xxx", 0, QUSE_UNKNOWN },
		{ 0x000000, "none-such", 0, QUSE_UNKNOWN },
	};
	struct qhost_use use;
	struct fixture x;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill(&x, cases[i].there);
		judge(&x, cases[i].class, cases[i].driver, &use);
		if (use.use != cases[i].use)
			fail_msg("%06x, %s, %#x: %d (%s)", cases[i].class, cases[i].driver,
				 cases[i].there, use.use, use.text);
		assert_int_equal(!use.text[0], use.use == QUSE_NO);
	}
}

/* What is seen to be used is used, whatever the class says: a disk behind USB, a GPU's console. */
static void seen_in_any_class(void **state)
{
	static const uint32_t any[] = { 0x010802, 0x020000, 0x030000, 0x040300, 0x0c0330,
					0x108000, 0x120000, 0x070002, 0x0c8000 };
	struct qhost_use use;
	struct fixture x;
	size_t i;

	for (i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		fill(&x, DISK | NETIF | NODE | HUB | IN_GPU);
		x.disk.claim = QDISK_CLAIMED;
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_YES);
		x.disk.claim = QDISK_UNKNOWN;
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_UNKNOWN);
		x.disk.claim = QDISK_FREE;
		x.netif.up = true;
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_YES);
		fill(&x, DISK | NETIF | NODE | HUB | IN_GPU);
		SET(x.f.controller, "nvme0 is exported by NVMe as lab");
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_YES);
		fill(&x, MDEV | NETIF | NODE | HUB | IN_GPU);
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_YES);
		fill(&x, TTY | NETIF | NODE | HUB | IN_GPU);
		judge(&x, any[i], "driver", &use);
		assert_int_equal(use.use, QUSE_YES);
	}
}

static void says_what_for(void **state)
{
	struct qhost_use use;
	struct fixture x;

	fill(&x, DISK);
	x.disk.claim = QDISK_CLAIMED;
	judge(&x, 0x010802, "nvme", &use);
	assert_string_equal(use.text,
			    "its disk nvme0n1 is claimed (a file system, swap or a volume)");
	SET(x.disk.detail, "mounted on /");
	judge(&x, 0x010802, "nvme", &use);
	assert_string_equal(use.text, "its disk nvme0n1 is mounted on /");
	x.disk.claim = QDISK_UNKNOWN;
	SET(x.disk.detail, "it has no node in /dev");
	judge(&x, 0x010802, "nvme", &use);
	assert_non_null(strstr(use.text, "nvme0n1"));
	assert_non_null(strstr(use.text, "no node in /dev"));
	fill(&x, NODE);
	SET(x.f.controller, "nvme0 is exported by NVMe as lab");
	judge(&x, 0x010802, "nvme", &use);
	assert_string_equal(use.text, "its controller nvme0 is exported by NVMe as lab");
	fill(&x, NETIF);
	SET(x.netif.upper, "bond0");
	judge(&x, 0x020000, "e1000e", &use);
	assert_string_equal(use.text, "its network interface eth7 is part of bond0");
	fill(&x, 0);
	judge(&x, 0x108000, "ccp", &use);
	assert_non_null(strstr(use.text, "ccp"));
	assert_non_null(strstr(use.text, "108000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_class),
		cmocka_unit_test(seen_in_any_class),
		cmocka_unit_test(says_what_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hostuse", tests, NULL, NULL);
}
