/* SPDX-License-Identifier: GPL-2.0-only */
/* What the lab guest is made of: its devices by their names in the topology, their drivers, small
 * files. */
#ifndef QT_LAB_H
#define QT_LAB_H

#include <stdbool.h>
#include <stddef.h>

#include "slower.h"

#define QT_OURS	 "qwamos_vfio_pci"
#define QT_STOCK "vfio-pci"
#define QT_PATH	 512

/** qt_addr() - PCI address of a device of the topology ("vga-a"); NULL: this guest has none of that
 * name */
const char *qt_addr(const char *id);

/** qt_now_ms() - CLOCK_MONOTONIC in ms */
long long qt_now_ms(void);

/** qt_patience() - how long to wait for what takes @ms at most: $QT_SLOWER times as long, where all
 * is slower */
int qt_patience(int ms);

/** qt_sleep_ms() - sleep */
void qt_sleep_ms(int ms);

/** qt_write() - write @text to the file @path in one write(); return: 0 or -errno */
int qt_write(const char *path, const char *text);

/** qt_read() - the first line of a file, without its newline; return: length or -errno */
int qt_read(const char *path, char *buf, size_t size);

/** qt_run() - run a program and wait; return: exit status, 128 + signal, or -errno. Its output is
 * dropped if @quiet */
int qt_run(bool quiet, const char *const argv[]);

/**
 * qt_run_helper() - have the kernel run a shell script, as it runs what core_pattern says
 * @script: its text; what it writes to its output is the answer
 * @answer: out: the first line of it
 * @ms: how long to wait for its end
 *
 * Return: length of the answer, or -errno; -ETIMEDOUT: it has not ended yet.
 */
int qt_run_helper(const char *script, char *answer, size_t size, int ms);

/** qt_driver() - name of the driver of the PCI device @addr, "" if none; return: 0, or -ENODEV if
 * there is no such device */
int qt_driver(const char *addr, char *name, size_t size);

/**
 * qt_bind() - bind by driver_override, unbind and drivers_probe
 * @addr: PCI address
 * @driver: its name; NULL: whatever the kernel would choose; "": none
 *
 * Return: 0 or -errno; -EIO: the kernel did not bind it.
 */
int qt_bind(const char *addr, const char *driver);

/** qt_remove() - sysfs remove */
int qt_remove(const char *addr);
/** qt_rescan() - sysfs rescan of all PCI buses */
int qt_rescan(void);
/** qt_exists() - is the PCI device there */
bool qt_exists(const char *addr);
/** qt_group() - number of a PCI device's IOMMU group; -ENOENT: none */
int qt_group(const char *addr);

/** qt_cgroup_new() - make a cgroup below the root of cgroup v2; @path: out, QT_PATH; return: fd of
 * it or -errno */
int qt_cgroup_new(const char *name, char *path);
/** qt_cgroup_enter() - move the calling process */
int qt_cgroup_enter(const char *path);
/** qt_cgroup_empty() - wait until no process is left in it; return: 0 or -ETIMEDOUT */
int qt_cgroup_empty(const char *path, int ms);

/** qt_dmesg() - does the kernel log hold @text */
bool qt_dmesg(const char *text);

/** qt_param() - value of a module's parameter; return: number or -errno */
long qt_param(const char *module, const char *name);
/** qt_set_param() - set it */
int qt_set_param(const char *module, const char *name, long value);

#endif
