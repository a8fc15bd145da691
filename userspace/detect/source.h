/* SPDX-License-Identifier: GPL-2.0-only */
/* Sources of detection: what they have in common. For the files of this folder only. */
#ifndef QWAMOS_DETECT_SOURCE_H
#define QWAMOS_DETECT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <json-c/json.h>

#include "detect/detect.h"
#include "detect/probe.h"

/**
 * struct qdetect - a run of detection
 * @o: what to look at
 * @root: what stands before all paths, "": this machine
 * @sys: where sysfs is
 * @proc: where procfs is
 * @dev: where device nodes are
 * @doc: the document
 * @gpus: its array of GPUs
 * @notes: its array of lines about what went wrong
 * @vulkan: probe of Vulkan, NULL: none
 * @egl: probe of EGL, NULL: none
 */
struct qdetect {
	const struct qdetect_opts *o;
	const char *root;
	char *sys;
	char *proc;
	char *dev;
	struct json_object *doc;
	struct json_object *gpus;
	struct json_object *notes;
	struct qprobe *vulkan;
	struct qprobe *egl;
};

/**
 * struct qdetect_source - a kind of source
 * @name: its name
 * @begin: starts what takes long, may be NULL
 * @gather: adds to the document; sources come in an order, and find what those before them added
 */
struct qdetect_source {
	const char *name;
	void (*begin)(struct qdetect *d);
	int (*gather)(struct qdetect *d, struct qerr *e);
};

extern const struct qdetect_source qdetect_pci;
extern const struct qdetect_source qdetect_platform;
extern const struct qdetect_source qdetect_drm;
extern const struct qdetect_source qdetect_iommu;
extern const struct qdetect_source qdetect_android;
extern const struct qdetect_source qdetect_vulkan;
extern const struct qdetect_source qdetect_egl;

/** qdetect_note() - add a line about what went wrong */
void qdetect_note(struct qdetect *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** qdetect_gpu() - the GPU of that name, or NULL */
struct json_object *qdetect_gpu(const struct qdetect *d, const char *name);

/**
 * qdetect_new_gpu() - a GPU of which nothing is known but its name
 *
 * Every key that a GPU has is there, so that all have the same ones.
 */
struct json_object *qdetect_new_gpu(struct qdetect *d, const char *name, const char *bus);

/** qdetect_set_str() - set a key, unless @value is NULL or "" */
void qdetect_set_str(struct json_object *gpu, const char *key, const char *value);

/**
 * qdetect_figure() - a figure, with who tells it; the first source that knows it is believed
 * @gpu: a GPU
 * @key: "vram_bytes", "compute_units" or "max_texture_2d"
 * @value: less than 1: nothing is known
 * @source: who tells it
 */
void qdetect_figure(struct json_object *gpu, const char *key, int64_t value, const char *source);

/** qdetect_path() - "ROOT/..."; free() it */
char *qdetect_path(const struct qdetect *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), malloc));

/** qdetect_read() - qfile_read() of ROOT/... */
ssize_t qdetect_read(const struct qdetect *d, char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** qdetect_read_ll() - qfile_read_ll() of ROOT/... */
int qdetect_read_ll(const struct qdetect *d, long long *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** qdetect_exists() - is there a file ROOT/...? */
bool qdetect_exists(const struct qdetect *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** qdetect_link() - qfile_link_name() of ROOT/...; return: true if there is such a link */
bool qdetect_link(const struct qdetect *d, char *buf, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * qdetect_names() - names in a folder ROOT/..., sorted
 * @n: out: their number
 *
 * Return: names, of which each and the array are to be freed; NULL: none
 */
char **qdetect_names(const struct qdetect *d, size_t *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** qdetect_free_names() - free what qdetect_names() returned */
void qdetect_free_names(char **names, size_t n);

/* vendor.c */

/**
 * struct qvendor - one whose GPUs we know
 * @id: what the document calls it
 * @name: as people call it
 * @pci: its PCI vendor ids; 0 ends
 * @compatible: what the device tree calls its GPUs, as patterns of fnmatch(3); NULL ends
 * @emulated: its PCI GPUs only exist in virtual machines
 */
struct qvendor {
	const char *id;
	const char *name;
	uint16_t pci[4];
	const char *compatible[6];
	bool emulated;
};

/** qvendor_pci() - whose PCI device it is, or NULL */
const struct qvendor *qvendor_pci(uint16_t id);
/** qvendor_compatible() - whose platform device it is, or NULL */
const struct qvendor *qvendor_compatible(const char *compatible);
/** qvendor_set() - tell it of a GPU; @v may be NULL */
void qvendor_set(struct json_object *gpu, const struct qvendor *v);

/* advise.c */

/** qdetect_advise() - recommend a mode for each GPU and for the machine */
void qdetect_advise(struct qdetect *d);

#endif
