/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gates, as this module has them.
 *
 * main.c         what the core calls
 * node.c         the character device, its files
 * call.c         the way of every ioctl
 * core_calls.c   those of DRM itself
 * syncobj.c, prime.c   of these, what passes objects on
 * mapping.c      memory that is mapped through a gate
 * window.c       memory of the caller's that a driver reads by itself
 * objects.c      what is charged, and until when
 * decode*.c      what a call does (pure)
 *
 * Locks, in this order: struct qgate_file's @lock; mmap_lock of the caller; DRM's and the driver's
 * own; struct qgate's @lock, then its @obj_lock, then its @map_lock. The
 * core's functions may be called under any of them but @obj_lock and @map_lock.
 */
#ifndef QWAMOS_GATE_H
#define QWAMOS_GATE_H

#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/path.h>
#include <linux/percpu-refcount.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "../core.h"
#include "decode.h"

struct dma_buf;
struct dma_fence;
struct drm_device;
struct drm_file;
struct drm_gem_object;
struct drm_ioctl_desc;
struct drm_syncobj;

/* Bounds of a gate, whatever the VM's level. */
#define QGATE_OBJECTS  65536 /* GEM objects */
#define QGATE_ZOMBIES  4096 /* of them, that no handle leads to any more */
#define QGATE_SYNCOBJS 16384
#define QGATE_POINTS   64 /* that one call adds to timelines */
#define QGATE_KEPT     4096 /* contexts, lists and the like that the driver keeps */
#define QGATE_FILES    256 /* open files */
#define QGATE_MAPS     16384 /* mappings */
#define QGATE_FORWARDS 64 /* calls passed on as they are, under way */

/**
 * struct qgate - a gate
 * @core: the core's part; it frees this one
 * @table: its driver's calls
 * @ours: of each call of @table: the driver's own table has it with the same argument
 * @drm: the real device, with a reference
 * @pdev: PCI address of the GPU; "": it has none
 * @path: the real node
 * @cred: of who made the gate: the real node is opened with it
 * @dev: its node
 * @cdev: likewise
 * @going: told when the real device goes
 * @all: in the list of all gates; written under its lock, read under RCU
 * @live: calls that are under way; killed when the gate closes
 * @seen: that it was killed is seen by all
 * @revoke_lock: one takes mappings away at a time
 * @drop_work: when none is any more: the real files are closed
 * @lock: guards @files
 * @files: open files
 * @n_files: their number
 * @obj_lock: guards @objs' changes, the objects, @zombies and the numbers
 * @objs: &struct qgate_obj by what they are about; read under RCU as well
 * @zombies: objects that nobody of the VM's uses any more
 * @n_objs: GEM objects
 * @n_zombies: GEM objects in @zombies
 * @n_syncs: syncobjs
 * @scan_work: looks which of @zombies are gone
 * @scan_ms: in what time it looks again
 * @map_lock: guards @maps, @closing and @n_maps
 * @maps: &struct qgate_map
 * @closing: those that are being revoked
 * @n_maps: length of both
 * @forwards: calls passed on as they are, under way
 * @bytes: charged
 * @kept: things that the driver keeps
 * @vulkan: contexts that have Vulkan
 * @submissions: paced calls so far
 * @waits: how often one had to wait
 * @denied: calls refused so far
 */
struct qgate {
	struct qgpu_gate *core;
	const struct qgate_table *table;
	unsigned long *ours;
	struct drm_device *drm;
	char pdev[QWAMOS_GPU_BUSNAME_LEN];
	struct path path;
	const struct cred *cred;
	struct device dev;
	struct cdev cdev;
	struct notifier_block going;
	struct list_head all;
	struct percpu_ref live;
	struct completion seen;
	struct mutex revoke_lock;
	struct work_struct drop_work;
	struct mutex lock;
	struct list_head files;
	u32 n_files;
	spinlock_t obj_lock;
	struct rhashtable objs;
	struct list_head zombies;
	u32 n_objs;
	u32 n_zombies;
	u32 n_syncs;
	struct delayed_work scan_work;
	unsigned int scan_ms;
	spinlock_t map_lock;
	struct list_head maps;
	struct list_head closing;
	u32 n_maps;
	atomic_t forwards;
	atomic64_t bytes;
	atomic_t kept;
	atomic_t vulkan;
	atomic64_t submissions;
	atomic64_t waits;
	atomic64_t denied;
};

/**
 * struct qgate_obj - a GEM object or syncobj that came through a gate
 * @node: in &qgate.objs
 * @what: what it is about, with a reference of ours
 * @sync: a syncobj; else a GEM object
 * @foreign: made elsewhere, and imported: its end is not ours to see
 * @size: bytes charged
 * @users: handles, mappings and dma-bufs of the VM's; guarded by &qgate.obj_lock
 * @zombie: in &qgate.zombies while @users is 0
 * @last: of a zombie that shares its reservation: what the GPU is at that may use it; NULL: not
 *     known yet
 * @rcu: frees it
 */
struct qgate_obj {
	struct rhash_head node;
	void *what;
	bool sync;
	bool foreign;
	u64 size;
	u32 users;
	struct list_head zombie;
	struct dma_fence *last;
	struct rcu_head rcu;
};

/**
 * struct qgate_file - an open file of a gate
 * @gate: the gate; the file has a reference to its core's part
 * @node: among its files
 * @real: the real node, opened for this one; NULL once it is closed; constant while a call is
 *     under way
 * @drm: its DRM file
 * @known: see qwamos_gpu_gate_caller()
 * @wq: who waits for the gate's end
 * @lock: guards all below, and keeps handles and what is known of them together
 * @handles: &struct qgate_obj by GEM handle
 * @syncs: likewise by syncobj handle
 * @number: of all files of gates; constant
 * @kept: things that the driver keeps
 * @vulkan: its context has Vulkan, or may get it
 */
struct qgate_file {
	struct qgate *gate;
	struct list_head node;
	struct file *real;
	struct drm_file *drm;
	struct pid *known;
	wait_queue_head_t wq;
	struct mutex lock;
	struct xarray handles;
	struct xarray syncs;
	u64 number;
	u32 kept;
	bool vulkan;
};

extern struct workqueue_struct *qgate_wq;

/* node.c */
int qgate_node_init(void);
void qgate_node_exit(void);
int qgate_node_add(struct qgate *gate, unsigned int minor);
void qgate_node_del(struct qgate *gate);
void qgate_file_drop(struct qgate_file *gf);
struct qgate *qgate_next(struct qgate *after);
void qgate_enlist(struct qgate *gate);
void qgate_delist(struct qgate *gate);

/* call.c */
long qgate_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long qgate_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int qgate_caller(struct qgate_file *gf, u32 nr);
int qgate_refuse(struct qgate *gate, u32 reason, u32 nr);
int qgate_pace(struct qgate *gate, u32 times);
void qgate_vulkan_ends(struct qgate_file *gf);

/* core_calls.c */
int qgate_core_call(struct qgate_file *gf, u32 nr, void *arg);

/* syncobj.c */
int qgate_syncobj_init(void);
int qgate_sync_create(struct qgate_file *gf, void *arg);
int qgate_sync_destroy(struct qgate_file *gf, void *arg);
int qgate_sync_to_fd(struct qgate_file *gf, void *arg);
int qgate_sync_from_fd(struct qgate_file *gf, void *arg);
int qgate_sync_signal(struct qgate_file *gf, void *arg);

/* prime.c */
int qgate_export(struct qgate_file *gf, void *arg);
int qgate_import(struct qgate_file *gf, void *arg);

/* mapping.c */
int qgate_mmap(struct file *file, struct vm_area_struct *vma);
void qgate_map_where(struct qgate *gate, struct file *file, struct file *real);
int qgate_map_wrap(struct qgate *gate, struct qgate_obj *obj, struct file *keep,
		   struct vm_area_struct *vma);
void qgate_maps_revoke(struct qgate *gate);

/* window.c */
int qgate_through_window(const void *bytes, size_t n, int (*call)(void *data, u64 at), void *data);

/* objects.c */
int qgate_objs_init(struct qgate *gate);
void qgate_objs_exit(struct qgate *gate);
struct qgate_obj *qgate_obj_new(struct qgate *gate, void *what, bool sync, bool foreign, u64 size);
struct qgate_obj *qgate_obj_use(struct qgate *gate, const void *what);
void qgate_scan_soon(struct qgate *gate);
void qgate_obj_unuse(struct qgate *gate, struct qgate_obj *obj);
bool qgate_obj_others(struct qgate *gate, const void *what);
bool qgate_objs_room(struct qgate *gate, bool sync);
int qgate_charge(struct qgate *gate, u64 bytes, bool anyway);
void qgate_uncharge(struct qgate *gate, u64 bytes);

#endif /* QWAMOS_GATE_H */
