// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified Mesa and libdrm behind a gate to the mock of amdgpu, which stands in the real node's
 * place: the same device, and the same picture.
 */
#include <sched.h>
#include <sys/mount.h>

#include "kselftest_harness.h"
#include "gate_mock.h"
#include "mesa.h"
#include "slower.h"

/* Of libdrm, whose headers need not be there. */
struct drm_pci_at {
	__u16 domain;
	__u8 bus;
	__u8 dev;
	__u8 func;
};

struct drm_pci_is {
	__u16 vendor;
	__u16 device;
	__u16 subvendor;
	__u16 subdevice;
	__u8 revision;
};

struct drm_found {
	char **nodes;
	int available_nodes;
	int bustype;
	struct drm_pci_at *at;
	struct drm_pci_is *is;
};

#define RENDER 2 /* in drm_found.nodes */

/* struct seen - what an actor finds out, in what it shares with the test */
struct seen {
	char gate[QT_PATH];
	char place[QT_PATH];
	char render[QT_PATH];
	char renderer[QT_PATH];
	struct drm_pci_at at;
	struct drm_pci_is is;
	int nodes;
	int devices;
	int with_it;
	unsigned int pixel;
	unsigned int error;
};

static void *drm_function(const char *name)
{
	void *lib = dlopen("libdrm.so.2", RTLD_NOW);

	return lib ? dlsym(lib, name) : NULL;
}

static void note_device(const struct drm_found *d, struct seen *s)
{
	s->nodes = d->available_nodes;
	snprintf(s->render, sizeof(s->render), "%s", d->nodes[RENDER]);
	s->at = *d->at;
	s->is = *d->is;
}

/* What libdrm finds by the fd, and of all devices. Return: 0 or -errno */
static int look_up(int fd, struct seen *s)
{
	int (*one)(int fd, __u32 flags, struct drm_found **d);
	int (*all)(__u32 flags, struct drm_found **d, int max);
	int (*equal)(struct drm_found *a, struct drm_found *b);
	struct drm_found *d, *list[16];
	int i, ret;

	*(void **)&one = drm_function("drmGetDevice2");
	*(void **)&all = drm_function("drmGetDevices2");
	*(void **)&equal = drm_function("drmDevicesEqual");
	if (!one || !all || !equal)
		return -ENOSYS;
	ret = one(fd, 1, &d);
	if (ret)
		return ret;
	note_device(d, s);
	s->devices = all(1, list, 16);
	s->with_it = 0;
	for (i = 0; i < s->devices; i++)
		s->with_it += equal(d, list[i]);
	return 0;
}

static long do_look_up(long x, long y, void *data)
{
	return look_up(node, data);
}

/* Puts the gate where the real node is, and opens it there. Return: 0 or -errno */
static long do_take_place(long x, long y, void *data)
{
	struct seen *s = data;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(s->gate, s->place, NULL, MS_BIND, NULL))
		return -errno;
	node = open(s->place, O_RDWR | O_CLOEXEC);
	return node < 0 ? -errno : 0;
}

/* Return: 0, or which step failed */
static int picture(EGLDisplay dpy, struct seen *s)
{
	EGLContext ctx;

	if (dpy == EGL_NO_DISPLAY)
		return 1;
	ctx = context_of(dpy);
	if (ctx == EGL_NO_CONTEXT)
		return 2;
	snprintf(s->renderer, sizeof(s->renderer), "%s", (const char *)glGetString(GL_RENDERER));
	s->pixel = draw();
	s->error = glGetError();
	eglMakeCurrent(dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(dpy, ctx);
	eglTerminate(dpy);
	return 0;
}

static long do_draw(long by_gbm, long y, void *data)
{
	struct gbm_device *gbm = NULL;
	struct seen *s = data;
	int ret;

	mesa_setup();
	ret = picture(by_gbm ? gbm_display(node, &gbm) : device_display(s->place), s);
	if (gbm)
		gbm_end(gbm);
	return ret;
}

FIXTURE(gate_gl)
{
	struct gated s;
	struct seen real;
	struct seen *gate;
};

/* The VMM sees the mock through its gate alone; what is seen without one is noted first. */
FIXTURE_SETUP(gate_gl)
{
	struct qt_actor raw;

	ASSERT_GE(QT_SHARED, sizeof(struct seen));
	ASSERT_EQ(0, gated_new(&self->s, "", QWAMOS_GPU_LEVEL_MEDIUM));
	EXPECT_EQ(0, qt_do(&self->s.vmm, do_close, 0, 0));
	self->gate = self->s.vmm.data;
	memcpy(self->gate->gate, self->s.path, QT_PATH);
	ASSERT_EQ(0, qt_mock_node(self->gate->place));
	ASSERT_EQ(0, qt_do(&self->s.vmm, do_take_place, 0, 0));

	ASSERT_EQ(0, qt_spawn(&raw, NULL));
	memcpy(raw.data, self->gate->place, QT_PATH);
	ASSERT_LE(0, qt_do(&raw, do_open, 0, 0));
	memcpy(((struct seen *)raw.data)->place, self->gate->place, QT_PATH);
	ASSERT_EQ(0, qt_do(&raw, do_look_up, 0, 0));
	ASSERT_EQ(0, qt_do_within(&raw, do_draw, 1, 0, 60000));
	self->real = *(struct seen *)raw.data;
	qt_end(&raw);
}

FIXTURE_TEARDOWN(gate_gl)
{
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, gated_end(&self->s));
}

TEST_F_TIMEOUT(gate_gl, same_device, 120)
{
	struct seen *real = &self->real, *gate = self->gate;

	ASSERT_EQ(0, qt_do(&self->s.vmm, do_look_up, 0, 0));
	EXPECT_EQ(0, memcmp(&real->at, &gate->at, sizeof(gate->at)));
	EXPECT_EQ(0xfe, gate->at.domain);
	EXPECT_EQ(0, memcmp(&real->is, &gate->is, sizeof(gate->is)));
	EXPECT_EQ(0x1002, gate->is.vendor);
	EXPECT_EQ(0x687f, gate->is.device);
	EXPECT_EQ(real->nodes, gate->nodes);
	EXPECT_STREQ(real->render, gate->render);
	EXPECT_STREQ(gate->place, gate->render);
	EXPECT_EQ(real->devices, gate->devices);
	EXPECT_EQ(1, gate->with_it);
}

/* By each of the two ways; no call of Mesa's is refused. */
TEST_F_TIMEOUT(gate_gl, same_picture, 200)
{
	struct qwamos_gpu_gate g;
	long before;
	int i;

	for (i = 0; i < 2; i++) {
		before = qt_mock_stat("gfx_submitted");
		ASSERT_EQ(0, qt_do_within(&self->s.vmm, do_draw, i, 0, 60000));
		EXPECT_STREQ(self->real.renderer, self->gate->renderer);
		EXPECT_NE(NULL, strstr(self->gate->renderer, "Vega"));
		EXPECT_EQ(self->real.pixel, self->gate->pixel);
		EXPECT_EQ(self->real.error, self->gate->error);
		EXPECT_EQ(GL_NO_ERROR, self->gate->error);
		EXPECT_LT(before, qt_mock_stat("gfx_submitted"));
		EXPECT_EQ(qt_mock_stat("gfx_submitted"), qt_mock_stat("gfx_finished"));
		ASSERT_EQ(1, qt_gates(self->s.vm.use, &g, 1));
		EXPECT_EQ(0, g.denied);
		EXPECT_EQ(0, g.unknown[0] | g.unknown[1]);
		EXPECT_LT(0, g.submissions);
	}
	EXPECT_EQ(0, qt_do(&self->s.vmm, do_close, 0, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
}

TEST_HARNESS_MAIN
