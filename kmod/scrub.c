// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wiping what a VM left in a GPU's memory. A reset does not do it. Which BARs are memory stands in
 * a table, since a prefetchable BAR may as well be registers. What was written is read back, so
 * that memory which does not answer after a reset is a failure and not a success.
 */
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/pci_ids.h>
#include <linux/sched.h>
#include "device.h"

#define CHUNK (1UL << 20) /* bytes wiped between two chances to be scheduled */

/**
 * struct scrub_kind - how to wipe one kind of device
 * @vendor: PCI vendor id
 * @device: PCI device id, or PCI_ANY_ID
 * @bars: bit n: BAR n is memory
 * @level: what wiping them reaches (&enum qwamos_gpu_scrub)
 *
 * Only display-class devices are looked up. AMD and NVIDIA: their VRAM aperture as their open
 * drivers use it; not tried on real hardware here, and the read back tells if the memory does not
 * answer.
 */
struct scrub_kind {
	u32 vendor, device, bars, level;
};

#define PCI_CLASS_SERIAL_OTHER 0x0c80 /* as GPUs' USB-C controllers say */

static const struct scrub_kind kinds[] = {
	{ 0x1234, 0x1111, BIT(0),
	  QWAMOS_GPU_SCRUB_FULL }, /* QEMU std VGA, secondary-vga, bochs-display */
	{ 0x1013, 0x00b8, BIT(0), QWAMOS_GPU_SCRUB_FULL }, /* Cirrus */
	{ 0x1af4, 0x1050, 0, QWAMOS_GPU_SCRUB_NA }, /* virtio-gpu: its BARs are registers */
	{ 0x1002, PCI_ANY_ID, BIT(0), QWAMOS_GPU_SCRUB_BAR }, /* AMD */
	{ 0x10de, PCI_ANY_ID, BIT(1), QWAMOS_GPU_SCRUB_BAR }, /* NVIDIA */
};

static const struct scrub_kind *kind_of(struct pci_dev *pdev)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].vendor == pdev->vendor &&
		    (kinds[i].device == PCI_ANY_ID || kinds[i].device == pdev->device))
			return &kinds[i];
	return NULL;
}

/*
 * Is this a function that GPUs come with, which holds nothing that outlives a reset: their audio,
 * USB and USB-C controllers? By class alone any device could say so; in the slot of a GPU, and of
 * its vendor, it is part of it.
 */
static bool is_part_of_gpu(struct pci_dev *pdev)
{
	u32 class = pdev->class >> 8, fn;
	struct pci_dev *other;
	bool yes = false;

	if (class != PCI_CLASS_MULTIMEDIA_HD_AUDIO && class != PCI_CLASS_SERIAL_USB &&
	    class != PCI_CLASS_SERIAL_OTHER)
		return false;
	for (fn = 0; fn < 8 && !yes; fn++) {
		other = pci_get_slot(pdev->bus, PCI_DEVFN(PCI_SLOT(pdev->devfn), fn));
		if (!other)
			continue;
		yes = other->class >> 16 == PCI_BASE_CLASS_DISPLAY && other->vendor == pdev->vendor;
		pci_dev_put(other);
	}
	return yes;
}

/**
 * qgpu_scrub_best() - the most that is known how to do
 * @pdev: the device
 *
 * Takes the PCI bus semaphore. Return: &enum qwamos_gpu_scrub.
 */
u32 qgpu_scrub_best(struct pci_dev *pdev)
{
	const struct scrub_kind *k;

	if (pdev->class >> 16 != PCI_BASE_CLASS_DISPLAY && pdev->class >> 16 != 0x12)
		return is_part_of_gpu(pdev) ? QWAMOS_GPU_SCRUB_NA : QWAMOS_GPU_SCRUB_NONE;
	k = kind_of(pdev);
	return k ? k->level : QWAMOS_GPU_SCRUB_NONE;
}

/* Return: 0, or -EIO if the memory does not hold what is written. */
static int wipe(void __iomem *p, size_t n)
{
	size_t off;

	/*
	 * Does it hold a value at all? A BAR that nobody answers behind would pass the test for
	 * zero.
	 */
	writel(0x5a17c0de, p);
	if (readl(p) != 0x5a17c0de)
		return -EIO;
	for (off = 0; off < n; off += CHUNK) {
		memset_io(p + off, 0, min_t(size_t, CHUNK, n - off));
		cond_resched();
	}
	/* One word of each 4 KiB, and not always the same one. */
	for (off = 0; off < n; off += SZ_4K)
		if (readl(p + off + (off / SZ_4K * 68) % SZ_4K))
			return -EIO;
	return 0;
}

/* Wipe one BAR, mapped piece by piece: a BAR may be many GiB. */
static int wipe_bar(struct pci_dev *pdev, int bar, u64 *bytes)
{
	resource_size_t start = pci_resource_start(pdev, bar), len = pci_resource_len(pdev, bar),
			off, n;
	void __iomem *p;
	int ret;

	if (!start || !len || !(pci_resource_flags(pdev, bar) & IORESOURCE_MEM))
		return -ENXIO;
	for (off = 0; off < len; off += n) {
		n = min_t(resource_size_t, 64 * CHUNK, len - off);
		p = ioremap_wc(start + off, n);
		if (!p)
			return -ENOMEM;
		ret = wipe(p, n);
		iounmap(p);
		if (ret)
			return ret;
		*bytes += n;
	}
	return 0;
}

/**
 * qgpu_scrub() - wipe a device's memory
 * @pdev: the device, awake, on our driver, not open, just reset
 * @reached: out: &enum qwamos_gpu_scrub
 * @bytes: out: bytes wiped
 *
 * Return: 0, also if nothing is known how to do (@reached tells); -EIO if the memory does not hold
 * what is written, -ENXIO, -ENOMEM.
 */
int qgpu_scrub(struct pci_dev *pdev, u32 *reached, u64 *bytes)
{
	const struct scrub_kind *k = kind_of(pdev);
	int bar, ret = 0;
	u16 cmd;

	*bytes = 0;
	*reached = qgpu_scrub_best(pdev);
	if (*reached == QWAMOS_GPU_SCRUB_NA || *reached == QWAMOS_GPU_SCRUB_NONE)
		return 0;
	/* Bridges above it may not decode before a device below is enabled, after a rescan for one.
	 */
	ret = pci_enable_device_mem(pdev);
	if (ret) {
		*reached = QWAMOS_GPU_SCRUB_NONE;
		return ret;
	}
	pci_read_config_word(pdev, PCI_COMMAND, &cmd);
	pci_write_config_word(pdev, PCI_COMMAND, (cmd | PCI_COMMAND_MEMORY) & ~PCI_COMMAND_MASTER);
	for (bar = 0; bar < PCI_STD_NUM_BARS && !ret; bar++)
		if (k->bars & BIT(bar))
			ret = wipe_bar(pdev, bar, bytes);
	pci_write_config_word(pdev, PCI_COMMAND, cmd);
	pci_disable_device(pdev);
	if (ret)
		*reached = QWAMOS_GPU_SCRUB_NONE;
	return ret;
}
