/* SPDX-License-Identifier: GPL-2.0-only */
/* The module mockdrm, a DRM driver without a GPU (tests/kmod/mockdrm). */
#ifndef QT_MOCKDRM_H
#define QT_MOCKDRM_H

#define QT_MOCK_ADDR "00fe:00:02.0"

/* Parameters: the device is behind the IOMMU of the topology "spare". */
#define QT_MOCK_IOMMU "domain=0 bus=2"

/** qt_mock_load() - load it; @params: words "NAME=VALUE", or ""; return: 0 or modprobe's status */
int qt_mock_load(const char *params);

/** qt_mock_unload() - unload it, once its last fence is gone; return: 0 or rmmod's status */
int qt_mock_unload(void);

/** qt_mock_node() - path of its render node, QT_PATH bytes; return: 0 or -ENODEV */
int qt_mock_node(char *path);

/** qt_mock_open() - open the render node; return: fd or -errno */
int qt_mock_open(void);

/** qt_vgem_open() - open a device of another driver, vgem; return: fd or -errno */
int qt_vgem_open(void);

/** qt_mock_stat() - one of its counters, or of its parameters that are numbers; or -errno */
long qt_mock_stat(const char *name);

/** qt_mock_set() - write one of its parameters; return: 0 or -errno */
int qt_mock_set(const char *name, const char *value);

/** qt_mock_jobs_take() - how long jobs take that are submitted from now on; return: 0 or -errno */
int qt_mock_jobs_take(int ms);

/** qt_mock_live() - what of it is there: objects, bytes, fences, contexts and clients, added up */
long qt_mock_live(void);

#endif
