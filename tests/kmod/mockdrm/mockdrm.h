/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mockdrm: a DRM driver for tests. It has the interface of a real driver, its personality, but no
 * GPU: memory is the kernel's, and jobs end by a timer. Nothing is drawn.
 *
 * Locks, outer first:
 *   mmap_lock > an object's reservation > mock_heap.lock
 *   mock_ring.lock > the lock of a fence, both taken with interrupts off
 * mock_dev_lock is only held to look up or replace the device, and is taken inside of none.
 */
#ifndef MOCKDRM_H
#define MOCKDRM_H

#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>

enum mock_ring_id { MOCK_GFX, MOCK_COMPUTE, MOCK_RINGS };
enum mock_place { MOCK_VRAM, MOCK_SYSTEM, MOCK_PLACES };

/* What a page holds that was never written, if memory is handed out dirty. */
#define MOCK_DIRT 0xd1

/* Counters, each a parameter of the module that can be read. */
enum mock_stat {
	MOCK_STAT_OBJECTS, /* live objects */
	MOCK_STAT_BYTES, /* their memory, wherever; imported objects have none */
	MOCK_STAT_VRAM, /* bytes of it in VRAM */
	MOCK_STAT_EVICTIONS, /* objects moved from VRAM to system memory */
	MOCK_STAT_FAULTS, /* page faults served */
	MOCK_STAT_GFX_SUBMITTED, /* jobs; in the order of enum mock_ring_id */
	MOCK_STAT_COMPUTE_SUBMITTED,
	MOCK_STAT_GFX_FINISHED,
	MOCK_STAT_COMPUTE_FINISHED,
	MOCK_STAT_FENCES, /* live fences */
	MOCK_STAT_CONTEXTS, /* live contexts */
	MOCK_STAT_CLIENTS, /* open files */
	MOCK_STAT_OPENS, /* opens since the module was loaded */
	MOCK_STAT_ASLEEP, /* objects made and jobs submitted while the device was suspended */
	MOCK_STATS
};

extern atomic64_t mock_stats[MOCK_STATS];

static inline void mock_count(enum mock_stat stat, s64 n)
{
	atomic64_add(n, &mock_stats[stat]);
}

/* Module parameters that other files read. */
extern uint mock_job_us;
extern bool mock_dirty;
extern bool mock_ttm_mmap;

/**
 * struct mock_heap - where objects can be
 * @lock: guards all of it, and the @lru of each object
 * @size: bytes there are
 * @used: bytes that objects have
 * @lru: the objects, the one used longest ago first
 */
struct mock_heap {
	spinlock_t lock;
	u64 size;
	u64 used;
	struct list_head lru;
};

/**
 * struct mock_ring - an engine: runs one job at a time, in order
 * @lock: guards all of it, and the busy time of clients; taken with interrupts off
 * @timer: ends the first of @jobs
 * @jobs: the fences of jobs that have not ended, in order
 * @busy_until: when the last of @jobs ends
 * @context: fence context
 * @seqno: of the last fence
 * @dead: the device is gone, and nothing is submitted any more
 */
struct mock_ring {
	spinlock_t lock;
	struct hrtimer timer;
	struct list_head jobs;
	ktime_t busy_until;
	u64 context;
	u64 seqno;
	bool dead;
};

struct mock_personality;

/**
 * struct mock_dev - the device
 * @drm: as the DRM core knows it
 * @kind: whose interface it has
 * @heap: its memory
 * @ring: its engines
 * @unplugged: it is gone, or about to go
 */
struct mock_dev {
	struct drm_device drm;
	const struct mock_personality *kind;
	atomic_t unplugged;
	struct mock_heap heap[MOCK_PLACES];
	struct mock_ring ring[MOCK_RINGS];
};

static inline struct mock_dev *to_mock_dev(struct drm_device *drm)
{
	return container_of(drm, struct mock_dev, drm);
}

/**
 * struct mock_client - an open file; its fences may outlive it
 * @ref: one of the file, one of each fence
 * @id: as fdinfo tells it
 * @busy_ns: time that its jobs have taken, guarded by the ring's lock
 * @priv: the personality's
 */
struct mock_client {
	struct kref ref;
	u32 id;
	u64 busy_ns[MOCK_RINGS];
	void *priv;
};

/**
 * struct mock_vm - an address space, which is a reservation that objects may share
 * @ref: one of its client, one of each such object
 * @resv: the reservation
 */
struct mock_vm {
	struct kref ref;
	struct dma_resv resv;
};

/**
 * struct mock_personality - the interface of a real driver
 * @name: of the driver
 * @major: version of the interface
 * @minor: version of the interface
 * @patch: version of the interface
 * @pci: the ids of the device
 * @revision: the PCI revision
 * @subsystem: PCI subsystem, device in the upper half
 * @engine: names of the rings, as fdinfo has them
 * @ioctls: its calls
 * @num_ioctls: how many these are
 * @open: prepares mock_client.priv
 * @close: undoes that
 */
struct mock_personality {
	const char *name;
	int major, minor, patch;
	struct pci_device_id pci;
	u8 revision;
	u32 subsystem;
	const char *engine[MOCK_RINGS];
	const struct drm_ioctl_desc *ioctls;
	int num_ioctls;
	int (*open)(struct mock_client *client);
	void (*close)(struct mock_client *client);
};

extern const struct mock_personality mock_amdgpu;

/**
 * struct mock_bo - an object
 * @base: as GEM knows it
 * @ref: keeps the memory: one for all GEM references, and one for each mock_bo_hold() if @ttm
 * @ttm: holders keep the memory alone, as TTM's do, and not the GEM object
 * @dirty: pages that were never touched hold MOCK_DIRT
 * @no_map: CPUs can't map it
 * @no_export: it can't be shared
 * @accounted: it takes room where it is
 * @place: where it is; guarded by the reservation, as are @pages and @pins
 * @pages: what was touched of it; the others are NULL
 * @pins: how often it may not be moved
 * @lru: in the heap of its place
 * @sgt: of an imported object
 * @vm: whose reservation it shares
 * @home: where it is wanted; guarded by the reservation
 * @domains: where the user wants it, in the personality's words
 * @flags: what it was created with, in the personality's words
 * @priv: the personality's; freed with the object
 */
struct mock_bo {
	struct drm_gem_object base;
	struct kref ref;
	bool ttm;
	bool dirty;
	bool no_map;
	bool no_export;
	bool accounted;
	enum mock_place place;
	struct page **pages;
	unsigned int pins;
	struct list_head lru;
	struct sg_table *sgt;
	struct mock_vm *vm;
	enum mock_place home;
	u64 domains;
	u64 flags;
	void *priv;
};

static inline struct mock_bo *to_mock_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct mock_bo, base);
}

/**
 * struct mock_bo_args - what an object is to be
 * @size: in bytes
 * @place: where it is wanted
 * @clear: its memory has to be zero, whatever the module's parameter says
 * @user: its memory is the caller's own
 * @vm: the address space whose reservation it shares, or NULL
 */
struct mock_bo_args {
	u64 size;
	enum mock_place place;
	bool clear;
	bool user;
	struct mock_vm *vm;
};

/**
 * struct mock_job - what is to be run
 * @client: whose job it is
 * @ring: where
 * @after: not before that
 * @empty: it takes no time
 */
struct mock_job {
	struct mock_client *client;
	enum mock_ring_id ring;
	ktime_t after;
	bool empty;
};

/* main.c */
int mock_dev_start(struct device *dev, const struct mock_personality *kind);
void mock_dev_stop(struct device *dev);
void mock_dev_unplug(struct mock_dev *mock);
void mock_dev_touch(struct mock_dev *mock);

/* pci.c */
int mock_pci_init(const struct mock_personality *kind);
void mock_pci_exit(void);
void mock_pci_remove_device(struct mock_dev *mock);

/* stats.c */
void mock_stats_check(void);

/* client.c */
int mock_client_open(struct drm_device *drm, struct drm_file *file);
void mock_client_close(struct drm_device *drm, struct drm_file *file);
void mock_client_put(struct mock_client *client);
void mock_client_fdinfo(struct drm_printer *p, struct drm_file *file);
#ifndef MOCK_CORE_FDINFO
void mock_client_show(struct seq_file *seq, struct file *filp);
#endif
struct mock_vm *mock_vm_new(void);
void mock_vm_put(struct mock_vm *vm);

/* bo.c */
struct mock_bo *mock_bo_new(struct mock_dev *mock, const struct mock_bo_args *args);
struct mock_bo *mock_bo_new_imported(struct mock_dev *mock, size_t size, struct sg_table *sgt);
struct mock_bo *mock_bo_lookup(struct drm_file *file, u32 handle);
struct page *mock_bo_page(struct mock_bo *bo, pgoff_t i);
int mock_bo_move(struct mock_bo *bo, enum mock_place to);
void mock_bo_hold(struct mock_bo *bo);
void mock_bo_drop(struct mock_bo *bo);
void mock_bo_put(struct mock_bo *bo);
int mock_bo_validate(struct mock_bo *bo);
void mock_bo_fence(struct dma_resv *resv, struct dma_fence *fence);

/* heap.c */
void mock_heap_init(struct mock_heap *heap, u64 size);
int mock_heap_reserve(struct mock_dev *mock, enum mock_place place, u64 size, bool evict,
		      struct dma_resv *held);
void mock_heap_release(struct mock_dev *mock, enum mock_place place, u64 size);
void mock_heap_add(struct mock_bo *bo);
void mock_heap_remove(struct mock_bo *bo);
int mock_heap_evict_all(struct mock_dev *mock);

/* mmap.c */
void mock_bo_zap(struct mock_bo *bo);
void mock_dev_zap(struct mock_dev *mock);
int mock_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);

/* prime.c */
struct dma_buf *mock_bo_export(struct drm_gem_object *obj, int flags);
int mock_bo_pin(struct drm_gem_object *obj);
void mock_bo_unpin(struct drm_gem_object *obj);
struct sg_table *mock_bo_sg_table(struct drm_gem_object *obj);
struct drm_gem_object *mock_prime_import(struct drm_device *drm, struct dma_buf_attachment *attach,
					 struct sg_table *sgt);

/* ring.c */
void mock_ring_init(struct mock_ring *ring);
void mock_ring_stop(struct mock_ring *ring);
struct dma_fence *mock_ring_submit(struct mock_dev *mock, const struct mock_job *job);
u64 mock_ring_busy_ns(struct mock_ring *ring, struct mock_client *client, enum mock_ring_id id);
int mock_job_wait(struct mock_dev *mock, struct mock_job *job, struct dma_fence *fence);

#endif /* MOCKDRM_H */
