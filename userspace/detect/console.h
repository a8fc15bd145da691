/* SPDX-License-Identifier: GPL-2.0-only */
/* Which GPU shows the host's console, and which one the firmware's framebuffer still stands in. */
#ifndef QWAMOS_DETECT_CONSOLE_H
#define QWAMOS_DETECT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct qconsole_fw - memory of a firmware framebuffer that a driver of its own holds
 * @start: first byte, physical
 * @end: last byte
 * @holder: who has it, as /proc/iomem names it ("simplefb", "efifb", "BOOTFB", ...)
 */
struct qconsole_fw {
	uint64_t start;
	uint64_t end;
	char holder[32];
};

/**
 * struct qdetect_console - the console
 * @fb: number of the framebuffer that the text console is shown on, -1: none
 * @device: name of that framebuffer's device on its bus, "": none or unknown
 * @fw: firmware framebuffers
 * @n_fw: their number; the innermost holder of one range comes last
 */
struct qdetect_console {
	int fb;
	char device[64];
	struct qconsole_fw fw[8];
	size_t n_fw;
};

/**
 * qconsole_gather() - look at it
 * @sys: where sysfs is, "/sys"
 * @proc: where procfs is, "/proc"
 * @dev: where device nodes are, "/dev"
 * @firmware: look for the firmware's framebuffer, too
 * @c: out
 *
 * What can't be read (without root /proc/iomem has no addresses) is left unknown.
 */
void qconsole_gather(const char *sys, const char *proc, const char *dev, bool firmware,
		     struct qdetect_console *c);

/**
 * qconsole_gather_fw() - look only for firmware framebuffers, as of a captured machine
 * @proc: where procfs is
 * @c: out
 */
void qconsole_gather_fw(const char *proc, struct qdetect_console *c);

/**
 * qconsole_fw_holder() - who holds the firmware framebuffer in a PCI device's memory
 * @c: the console
 * @sys: where sysfs is
 * @addr: the device
 *
 * The device's driver does not matter: a native one evicts the firmware's framebuffer, mostly;
 * stand-ins such as vfio-pci never do; and what /proc/iomem shows is there.
 *
 * Return: the holder's name, or NULL: nobody.
 */
const char *qconsole_fw_holder(const struct qdetect_console *c, const char *sys, const char *addr);

#endif
