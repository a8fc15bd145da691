// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting a device's place in the address space right again.
 *
 * A rescan of the bus (pci_scan_bridge()) writes back the bridge control register as it read it
 * some time before. If a reset of the bus below began before that read and ended before that write,
 * the bus is held in reset once more, and what the reset had restored is lost: base addresses are
 * zero, and every later reset saves and restores just that. The lock that would keep rescans away
 * can't be taken here: a hot-plug driver takes it under the lock that a slot reset needs.
 */
#include <linux/delay.h>
#include "device.h"

#define SETTLE_MS 1000 /* PCI Local Bus 3.0, 4.3.2: Trhfa, reset to first access */

/* The bus is held in reset by nobody: who would, has the lock of each device on it. */
static bool end_reset(struct pci_dev *bridge)
{
	u16 control;

	if (!bridge || pci_read_config_word(bridge, PCI_BRIDGE_CONTROL, &control) ||
	    PCI_POSSIBLE_ERROR(control) || !(control & PCI_BRIDGE_CTL_BUS_RESET))
		return false;
	pci_write_config_word(bridge, PCI_BRIDGE_CONTROL, control & ~PCI_BRIDGE_CTL_BUS_RESET);
	msleep(SETTLE_MS);
	return true;
}

/* One dword of a base address. Return: it was wrong. */
static bool put_address(struct pci_dev *pdev, int where, u32 address, u32 mask)
{
	u32 is;

	pci_read_config_dword(pdev, where, &is);
	if ((is & mask) == (address & mask))
		return false;
	pci_write_config_dword(pdev, where, address);
	return true;
}

static bool put_bar(struct pci_dev *pdev, int bar)
{
	const struct resource *r = &pdev->resource[bar];
	int where = PCI_BASE_ADDRESS_0 + 4 * bar;
	struct pci_bus_region at;
	bool wrong;

	if (!r->parent || !(r->flags & (IORESOURCE_MEM | IORESOURCE_IO)) ||
	    r->flags & IORESOURCE_UNSET)
		return false;
	pcibios_resource_to_bus(pdev->bus, &at, (struct resource *)r);
	if (r->flags & IORESOURCE_IO)
		return put_address(pdev, where, at.start, (u32)PCI_BASE_ADDRESS_IO_MASK);
	wrong = put_address(pdev, where, at.start, (u32)PCI_BASE_ADDRESS_MEM_MASK);
	if (r->flags & IORESOURCE_MEM_64)
		wrong |= put_address(pdev, where + 4, (u64)at.start >> 32, ~0U);
	return wrong;
}

/**
 * qgpu_mend() - give a device the base addresses back that the kernel has given it, on a bus that
 * is not held in reset
 * @pdev: the device, awake, locked, on our driver and not open
 *
 * Sleeps for a second if the bus was. Return: something was wrong.
 */
bool qgpu_mend(struct pci_dev *pdev)
{
	bool wrong;
	u16 cmd;
	int bar;

	if (pdev->is_virtfn)
		return false; /* its addresses are its PF's, and so are its resets */
	wrong = end_reset(pdev->bus->self);
	if (pci_read_config_word(pdev, PCI_COMMAND, &cmd) || PCI_POSSIBLE_ERROR(cmd))
		return wrong; /* it does not answer at all */
	pci_write_config_word(pdev, PCI_COMMAND, cmd & ~(PCI_COMMAND_MEMORY | PCI_COMMAND_IO));
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		wrong |= put_bar(pdev, bar);
	pci_write_config_word(pdev, PCI_COMMAND, cmd);
	if (wrong)
		pci_info(pdev, "qwamos_gpu: had lost its base addresses, put right\n");
	return wrong;
}
