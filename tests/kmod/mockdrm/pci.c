// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI function with a real GPU's ids, which programs look at: on a host bridge of our own, in a
 * domain of its own, for no emulator gives a device freely chosen ids. It has no BARs. Where the
 * number of a domain is kept differs by architecture; this is x86's way.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include "mockdrm.h"

#define MOCK_DEVFN PCI_DEVFN(2, 0)

/* libdrm reads four digits. */
static ushort mock_domain = 0xfe;
module_param_named(domain, mock_domain, ushort, 0444);
MODULE_PARM_DESC(domain, "PCI domain of the device");
static u8 mock_busno;
module_param_named(bus, mock_busno, byte, 0444);
MODULE_PARM_DESC(bus, "PCI bus of the device; one that the domain has not");

static u8 mock_config[256];
static const struct mock_personality *mock_kind;
static struct platform_device *mock_host;
static struct pci_bus *mock_bus;

static int mock_config_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	*val = ~0U;
	if (devfn != MOCK_DEVFN)
		return PCIBIOS_DEVICE_NOT_FOUND;
	*val = 0;
	if (where + size <= (int)sizeof(mock_config))
		memcpy(val, mock_config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

/* All but the command register is fixed. */
static int mock_config_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	if (devfn != MOCK_DEVFN)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where == PCI_COMMAND && size == 2)
		memcpy(mock_config + where, &val, 2);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops mock_pci_ops = { .read = mock_config_read, .write = mock_config_write };
static struct pci_sysdata mock_sysdata = { .node = NUMA_NO_NODE };
static struct resource mock_busn = { .name = "mockdrm", .flags = IORESOURCE_BUS };
static struct pci_device_id mock_ids[2];

static int mock_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	/* A real one, which the machine may have, is not for us. */
	if (pdev->sysdata != &mock_sysdata)
		return -ENODEV;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(44));
	return ret ?: mock_dev_start(&pdev->dev, mock_kind);
}

static void mock_pci_remove(struct pci_dev *pdev)
{
	mock_dev_stop(&pdev->dev);
}

static int mock_pci_sleep(struct device *dev)
{
	return 0;
}

static const struct dev_pm_ops mock_pm_ops = { RUNTIME_PM_OPS(mock_pci_sleep, mock_pci_sleep,
							      NULL) };

/* Its name is the personality's: the module of the real driver can't be loaded beside it. */
static struct pci_driver mock_pci_driver = {
	.id_table = mock_ids,
	.probe = mock_pci_probe,
	.remove = mock_pci_remove,
	.driver.pm = &mock_pm_ops,
};

static void mock_config_fill(const struct mock_personality *kind)
{
	u16 vendor = kind->pci.vendor, device = kind->pci.device;

	memcpy(mock_config + PCI_VENDOR_ID, &vendor, 2);
	memcpy(mock_config + PCI_DEVICE_ID, &device, 2);
	mock_config[PCI_REVISION_ID] = kind->revision;
	mock_config[PCI_CLASS_DEVICE + 1] = PCI_BASE_CLASS_DISPLAY; /* 0300: VGA */
	memcpy(mock_config + PCI_SUBSYSTEM_VENDOR_ID, &kind->subsystem, 4);
}

static int mock_bus_add(void)
{
	LIST_HEAD(windows);

	mock_sysdata.domain = mock_domain;
	mock_busn.start = mock_busno;
	mock_busn.end = mock_busno;
	pci_add_resource(&windows, &mock_busn);
	pci_lock_rescan_remove();
	mock_bus = pci_scan_root_bus(&mock_host->dev, mock_busno, &mock_pci_ops, &mock_sysdata,
				     &windows);
	if (mock_bus)
		pci_bus_add_devices(mock_bus);
	pci_unlock_rescan_remove();
	if (mock_bus)
		return 0;
	pci_free_resource_list(&windows);
	return -ENODEV;
}

static void mock_bus_remove(void)
{
	pci_lock_rescan_remove();
	pci_stop_root_bus(mock_bus);
	pci_remove_root_bus(mock_bus);
	pci_unlock_rescan_remove();
}

/**
 * mock_pci_init() - Plug a device of that kind in
 * @kind: its personality
 */
int mock_pci_init(const struct mock_personality *kind)
{
	int ret;

	mock_kind = kind;
	mock_ids[0] = kind->pci;
	mock_pci_driver.name = kind->name;
	mock_config_fill(kind);
	mock_host = platform_device_register_simple("mockdrm", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(mock_host))
		return PTR_ERR(mock_host);
	ret = pci_register_driver(&mock_pci_driver);
	if (ret)
		goto no_driver;
	ret = mock_bus_add();
	if (!ret)
		return 0;
	pci_unregister_driver(&mock_pci_driver);
no_driver:
	platform_device_unregister(mock_host);
	return ret;
}

/**
 * mock_pci_exit() - Undo mock_pci_init()
 */
void mock_pci_exit(void)
{
	mock_bus_remove();
	pci_unregister_driver(&mock_pci_driver);
	platform_device_unregister(mock_host);
}

/**
 * mock_pci_remove_device() - Remove the PCI function, as sysfs can; a rescan brings it back
 * @mock: the device
 */
void mock_pci_remove_device(struct mock_dev *mock)
{
	pci_stop_and_remove_bus_device_locked(to_pci_dev(mock->drm.dev));
}
