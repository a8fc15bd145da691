// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that another thread rewrites all the time, of every call that makes or brings in
 * something: what is charged is what was made, and what the gate does not let through the driver
 * never sees. Calls that this device does not have are skipped. It takes two CPUs that do run at
 * the same time. RACE_SECONDS in the environment: how long they take together (4); RACES: only
 * those.
 */
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "call.h"
#include "gate.h"
#include "vm.h"

#define SMALL	 4096U
#define LARGE	 (1U << 20)
#define KEPT	 32
#define SOON	 5000
#define RACES	 10 /* that share the time */
#define PATIENCE 20000 /* until both values have been found */

#define PARAM_3D	   1
#define PARAM_BLOB	   3
#define PARAM_CONTEXT_INIT 6

#define CAPSET_VIRGL2 2
#define CAPSET_VENUS  4
#define MOST_COMMANDS (4U << 20) /* of a submission that a gate lets through */
#define MOST_HANDLES  65536U

/* What the driver, or nobody, has done if a race is lost; what else goes wrong is -errno. */
#define LOST (-4000)

/* What a race tells: how often it was run, and how often each of the two values was found. */
struct score {
	char path[QT_PATH];
	long n;
	long first;
	long second;
};

static int node = -1, use = -1;

/* A number that a thread rewrites, with one value and the other. */
static struct flip {
	pthread_t thread;
	volatile __u32 *at;
	__u32 value[2];
	atomic_bool done;
} flip;

/* Each on a CPU of its own, if there are two. */
static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *rewrite(void *unused)
{
	stay_on(1);
	while (!atomic_load(&flip.done)) {
		*flip.at = flip.value[0];
		*flip.at = flip.value[1];
	}
	return NULL;
}

static int flip_begin(void *at, __u32 first, __u32 second)
{
	flip.at = at;
	flip.value[0] = first;
	flip.value[1] = second;
	*flip.at = first;
	atomic_store(&flip.done, false);
	return pthread_create(&flip.thread, NULL, rewrite, NULL) ? -EAGAIN : 0;
}

static void flip_end(void)
{
	atomic_store(&flip.done, true);
	pthread_join(flip.thread, NULL);
}

/* One round of a race. Return: 0, LOST or -errno. */
typedef long (*race_round)(struct score *s);

static long race(struct score *s, race_round next, long seconds, void *at, __u32 first,
		 __u32 second)
{
	long long end = qt_now_ms() + seconds * 1000, last = end + qt_patience(PATIENCE);
	long ret = flip_begin(at, first, second);

	if (ret)
		return ret;
	stay_on(0);
	s->n = s->first = s->second = 0;
	while (!ret && (qt_now_ms() < end || (qt_now_ms() < last && !(s->first && s->second)))) {
		ret = next(s);
		s->n++;
	}
	flip_end();
	return ret;
}

static long do_open(long fd, long y, void *data)
{
	use = fd;
	node = open(((struct score *)data)->path, O_RDWR | O_CLOEXEC);
	return node < 0 ? -errno : 0;
}

static long do_param(long param, long y, void *data)
{
	__u32 value = 0;
	struct drm_virtgpu_getparam g = { .param = param, .value = (unsigned long)&value };
	int ret = qt_drm(node, DRM_IOCTL_VIRTGPU_GETPARAM, &g);

	return ret ? ret : (long)value;
}

/* The size of an object as its driver has it, or -errno. */
static long size_of(__u32 handle)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = handle };

	return ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i) ? -errno : (long)i.size;
}

/* Objects that were made, each with the charge that it should have. */
static __u32 handles[KEPT];
static unsigned int kept;
static long long sum;

static long close_all(void)
{
	while (kept)
		qt_gem_close(node, handles[--kept]);
	sum = 0;
	return qt_gate_wait_used(use, 0, SOON);
}

/* Another object: was it charged as it was made? */
static long check_made(struct score *s, __u32 handle)
{
	long size = size_of(handle);

	handles[kept++] = handle;
	if (size < 0)
		return size;
	s->first += size == SMALL;
	s->second += size == LARGE;
	sum += size;
	if (qt_gate_used(use) != sum)
		return LOST;
	return kept < KEPT ? 0 : close_all();
}

static struct drm_virtgpu_resource_create resource;

static long next_resource(struct score *s)
{
	/* Whatever size it is made with, its picture is smaller. */
	resource.target = 2;
	resource.format = 1;
	resource.bind = 2;
	resource.width = resource.height = 16;
	resource.depth = resource.array_size = 1;
	resource.stride = 64;
	if (ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &resource))
		return -errno;
	return check_made(s, resource.bo_handle);
}

static long do_resource(long seconds, long y, void *data)
{
	return race(data, next_resource, seconds, &resource.size, SMALL, LARGE);
}

static struct drm_virtgpu_resource_create_blob blob;

static long next_blob(struct score *s)
{
	blob.blob_mem = VIRTGPU_BLOB_MEM_GUEST;
	blob.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE;
	if (ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob))
		return -errno;
	return check_made(s, blob.bo_handle);
}

static long do_blob(long seconds, long y, void *data)
{
	return race(data, next_blob, seconds, &blob.size, SMALL, LARGE);
}

static struct drm_virtgpu_execbuffer commands;

/* Whose driver reads what the gate does not let through reads beyond the memory that there is. */
static long next_commands(struct score *s)
{
	if (!ioctl(node, DRM_IOCTL_VIRTGPU_EXECBUFFER, &commands))
		s->first++;
	else if (errno == EACCES)
		s->second++;
	else
		return errno == EFAULT ? LOST : -errno;
	return 0;
}

static long do_commands(long seconds, long in_handles, void *data)
{
	void *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || munmap((char *)page + 4096, 4096))
		return -errno;
	commands = (struct drm_virtgpu_execbuffer){ .command = (unsigned long)page,
						    .size = 4096,
						    .bo_handles = (unsigned long)page,
						    .fence_fd = -1 };
	return in_handles ? race(data, next_commands, seconds, &commands.num_bo_handles, 0,
				 MOST_HANDLES + 1)
			  : race(data, next_commands, seconds, &commands.size, 4096,
				 MOST_COMMANDS + 4096);
}

static struct drm_virtgpu_context_set_param param = { .param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID };

/* A device without venus has not heard of it: its driver says -EINVAL to who asks for it. */
static long next_context(struct score *s)
{
	struct drm_virtgpu_context_init c = { .num_params = 1,
					      .ctx_set_params = (unsigned long)&param };
	int fd = open(s->path, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = qt_drm(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &c);
	close(fd);
	s->first += !ret;
	s->second += ret == -EACCES;
	return ret == -EINVAL ? LOST : ret == -EACCES ? 0 : ret;
}

static long do_context(long seconds, long y, void *data)
{
	return race(data, next_context, seconds, &param.value, CAPSET_VIRGL2, CAPSET_VENUS);
}

static struct drm_prime_handle exported;
static __u32 pair[2];

static long make_pair(void)
{
	long ret = qt_vg_create(node, 16, 16, SMALL, &pair[0]);

	return ret ? ret : qt_vg_create(node, 16, 16, LARGE, &pair[1]);
}

/* What was exported is what stays charged once there are no handles. */
static long next_export(struct score *s)
{
	long size, ret;

	exported.flags = DRM_CLOEXEC | DRM_RDWR;
	if (ioctl(node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &exported))
		return -errno;
	size = lseek(exported.fd, 0, SEEK_END);
	s->first += size == SMALL;
	s->second += size == LARGE;
	qt_gem_close(node, pair[0]);
	qt_gem_close(node, pair[1]);
	ret = qt_gate_wait_used(use, size, SOON) ? LOST : 0;
	close(exported.fd);
	ret = ret ?: qt_gate_wait_used(use, 0, SOON);
	/* They have the handles that they had. */
	return ret ?: make_pair();
}

static long do_export(long seconds, long y, void *data)
{
	long ret = make_pair();

	return ret ?: race(data, next_export, seconds, &exported.handle, pair[0], pair[1]);
}

static struct drm_gem_close closed;

/* What was closed is what is charged no more. */
static long next_close(struct score *s)
{
	long long left;

	if (ioctl(node, DRM_IOCTL_GEM_CLOSE, &closed))
		return -errno;
	left = size_of(pair[0]) < 0 ? LARGE : SMALL;
	s->first += left == LARGE;
	s->second += left == SMALL;
	if (qt_gate_wait_used(use, left, SOON))
		return LOST;
	qt_gem_close(node, pair[left == LARGE]);
	return qt_gate_wait_used(use, 0, SOON) ?: make_pair();
}

static long do_close(long seconds, long y, void *data)
{
	long ret = make_pair();

	return ret ?: race(data, next_close, seconds, &closed.handle, pair[0], pair[1]);
}

static struct drm_prime_handle imported;

/* The host's own comes in, another VM's, which is larger, never does. */
static long next_import(struct score *s)
{
	long size;

	if (ioctl(node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &imported)) {
		s->second += errno == EACCES;
		return errno == EACCES ? 0 : -errno;
	}
	s->first++;
	size = size_of(imported.handle);
	if (size != SMALL || qt_gate_used(use) != size)
		return LOST;
	qt_gem_close(node, imported.handle);
	return qt_gate_wait_used(use, 0, SOON);
}

static long do_import(long seconds, long y, void *data)
{
	const int *fds = (int *)((char *)data + sizeof(struct score));

	return race(data, next_import, seconds, &imported.fd, fds[0], fds[1]);
}

static struct drm_syncobj_create sync_made;

static long syncobjs(void)
{
	struct qwamos_gpu_gate g;

	return qt_gates(use, &g, 1) == 1 ? (long)g.syncobjs : -ENOENT;
}

static long sync_destroy(__u32 handle)
{
	struct drm_syncobj_destroy d = { .handle = handle };

	return qt_drm(node, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
}

/* Each is counted, and none is that has flags which there are not. */
static long next_sync(struct score *s)
{
	while (syncobjs())
		qt_sleep_ms(1);
	if (ioctl(node, DRM_IOCTL_SYNCOBJ_CREATE, &sync_made)) {
		s->second += errno == EINVAL;
		return errno != EINVAL ? -errno : syncobjs() ? LOST : 0;
	}
	s->first++;
	if (syncobjs() != 1)
		return LOST;
	return sync_destroy(sync_made.handle);
}

static long do_sync(long seconds, long y, void *data)
{
	return race(data, next_sync, seconds, &sync_made.flags, 0, 2);
}

static struct drm_syncobj_handle sync_in;

/* Its own, which is signalled, comes in; another VM's, which is not, never does. */
static long next_sync_import(struct score *s)
{
	struct drm_syncobj_wait w = { .handles = (unsigned long)&sync_in.handle,
				      .count_handles = 1 };
	__u32 handle;

	if (ioctl(node, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &sync_in)) {
		s->second += errno == EACCES;
		return errno == EACCES ? 0 : -errno;
	}
	s->first++;
	handle = sync_in.handle;
	if (qt_drm(node, DRM_IOCTL_SYNCOBJ_WAIT, &w) || syncobjs() != 1)
		return LOST;
	return sync_destroy(handle);
}

static long do_has_syncobjs(long x, long y, void *data)
{
	struct drm_syncobj_create c = {};
	long ret = qt_drm(node, DRM_IOCTL_SYNCOBJ_CREATE, &c);

	return ret ?: sync_destroy(c.handle);
}

/* An exported syncobj; return: its fd, or -errno */
static long do_sync_export(long flags, long y, void *data)
{
	struct drm_syncobj_create c = { .flags = flags };
	struct drm_syncobj_handle h = {};
	long ret = qt_drm(node, DRM_IOCTL_SYNCOBJ_CREATE, &c);

	h.handle = c.handle;
	ret = ret ?: qt_drm(node, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h);
	return ret ?: h.fd;
}

static long do_sync_import(long seconds, long theirs, void *data)
{
	long mine = do_sync_export(DRM_SYNCOBJ_CREATE_SIGNALED, 0, data);

	return mine < 0 ? mine : race(data, next_sync_import, seconds, &sync_in.fd, mine, theirs);
}

static long do_large(long x, long y, void *data)
{
	__u32 handle;
	int ret = qt_vg_create(node, 16, 16, LARGE, &handle);

	return ret ? ret : qt_prime_export(node, handle);
}

/* Is this race one of those that are asked for? */
static bool wanted(const char *name)
{
	const char *races = getenv("RACES");

	return !races || strstr(races, name);
}

#define WANTED(name)       \
	if (!wanted(name)) \
	SKIP(return, "not asked for")

FIXTURE(race)
{
	int ctl;
	int real;
	long seconds;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor vmm;
	struct qt_actor them;
};

static int open_gate(struct qt_vm *vm, struct qt_actor *vmm, int ctl, int real, __u32 level)
{
	struct qwamos_gpu_gate_create g;
	int fd, ret = qt_vm_new(vm, ctl, level, 0);

	ret = ret ?: qt_vmm(vm, vmm, &fd);
	ret = ret ?: qt_gate_create(vm->manage, real, 0, &g);
	ret = ret ?: qt_gate_node(&g, ((struct score *)vmm->data)->path);
	return ret ?: (int)qt_do(vmm, do_open, fd, 0);
}

FIXTURE_SETUP(race)
{
	const char *given = getenv("RACE_SECONDS");

	self->seconds = (given ? atol(given) : 4) / RACES ?: 1;
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	self->real = qt_render("virtio");
	ASSERT_LE(0, self->real);
	/* No level that has to wait for its turn. */
	ASSERT_EQ(0,
		  open_gate(&self->vm, &self->vmm, self->ctl, self->real, QWAMOS_GPU_LEVEL_HIGH));
}

FIXTURE_TEARDOWN(race)
{
	unlink(((struct score *)self->vmm.data)->path);
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	if (self->them.pid)
		unlink(((struct score *)self->them.data)->path);
	qt_end(&self->them);
	qt_vm_end(&self->other);
	close(self->real);
	close(self->ctl);
}

/* Run a race in the VM. */
#define RACE(fn, y)                                                                          \
	do {                                                                                 \
		struct score *s = self->vmm.data;                                            \
		long ret = qt_do_within(&self->vmm, fn, self->seconds, y,                    \
					self->seconds * 1000 + PATIENCE + 30000);            \
                                                                                             \
		TH_LOG("%ld rounds, %ld and %ld of them with one value and the other", s->n, \
		       s->first, s->second);                                                 \
		ASSERT_NE(LOST, ret);                                                        \
		ASSERT_EQ(0, ret);                                                           \
		EXPECT_LT(0, s->first);                                                      \
		EXPECT_LT(0, s->second);                                                     \
	} while (0)

TEST_F_TIMEOUT(race, resource_create, 200)
{
	WANTED("resource_create");
	RACE(do_resource, 0);
}

TEST_F_TIMEOUT(race, resource_create_blob, 200)
{
	WANTED("resource_create_blob");
	if (qt_do(&self->vmm, do_param, PARAM_BLOB, 0) != 1)
		SKIP(return, "this device has no blobs");
	RACE(do_blob, 0);
}

TEST_F_TIMEOUT(race, execbuffer, 400)
{
	WANTED("execbuffer");
	if (qt_do(&self->vmm, do_param, PARAM_3D, 0) != 1)
		SKIP(return, "this device has no 3D");
	RACE(do_commands, 0);
	RACE(do_commands, 1);
}

TEST_F_TIMEOUT(race, context_init, 200)
{
	WANTED("context_init");
	if (qt_do(&self->vmm, do_param, PARAM_CONTEXT_INIT, 0) != 1)
		SKIP(return, "this device has no kinds of contexts");
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	RACE(do_context, 0);
}

TEST_F_TIMEOUT(race, prime_export, 200)
{
	WANTED("prime_export");
	RACE(do_export, 0);
}

TEST_F_TIMEOUT(race, gem_close, 200)
{
	WANTED("gem_close");
	RACE(do_close, 0);
}

TEST_F_TIMEOUT(race, prime_import, 200)
{
	int *fds = (int *)((char *)self->vmm.data + sizeof(struct score));
	int host, taken;
	__u32 handle;

	WANTED("prime_import");
	ASSERT_EQ(0, open_gate(&self->other, &self->them, self->ctl, self->real,
			       QWAMOS_GPU_LEVEL_HIGH));
	ASSERT_EQ(0, qt_vg_create(self->real, 16, 16, SMALL, &handle));
	host = qt_prime_export(self->real, handle);
	ASSERT_LE(0, host);
	taken = qt_take_fd(&self->them, qt_do(&self->them, do_large, 0, 0));
	ASSERT_LE(0, taken);
	fds[0] = qt_give_fd(&self->vmm, host);
	fds[1] = qt_give_fd(&self->vmm, taken);
	RACE(do_import, 0);
	close(host);
	close(taken);
	qt_gem_close(self->real, handle);
}

TEST_F_TIMEOUT(race, syncobj_create, 200)
{
	WANTED("syncobj_create");
	if (qt_do(&self->vmm, do_has_syncobjs, 0, 0) == -EOPNOTSUPP)
		SKIP(return, "this kernel's virtio_gpu has no syncobjs");
	RACE(do_sync, 0);
}

TEST_F_TIMEOUT(race, syncobj_import, 200)
{
	long fd;
	int taken;

	WANTED("syncobj_import");
	ASSERT_EQ(0, open_gate(&self->other, &self->them, self->ctl, self->real,
			       QWAMOS_GPU_LEVEL_HIGH));
	fd = qt_do(&self->them, do_sync_export, 0, 0);
	if (fd == -EOPNOTSUPP)
		SKIP(return, "this kernel's virtio_gpu has no syncobjs");
	taken = qt_take_fd(&self->them, fd);
	ASSERT_LE(0, taken);
	RACE(do_sync_import, qt_give_fd(&self->vmm, taken));
	close(taken);
}

TEST_HARNESS_MAIN
