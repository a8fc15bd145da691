// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmodified Mesa on the mock of amdgpu: it finds the device, makes a context, draws, submits and
 * reads back. What it reads is zero, for nothing is drawn.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>

#include "kselftest_harness.h"
#include "lab.h"
#include "mockdrm.h"
#include "slower.h"

#define SIDE 64

/* Of libgbm, whose headers need not be there. */
struct gbm_device;

static EGLDisplay display_of(EGLenum platform, void *native)
{
	PFNEGLGETPLATFORMDISPLAYEXTPROC get =
		(PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");

	return get ? get(platform, native, NULL) : EGL_NO_DISPLAY;
}

static EGLContext context_of(EGLDisplay dpy)
{
	static const EGLint attributes[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	EGLContext ctx;

	if (!eglInitialize(dpy, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API))
		return EGL_NO_CONTEXT;
	ctx = eglCreateContext(dpy, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (ctx != EGL_NO_CONTEXT && !eglMakeCurrent(dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, ctx))
		return EGL_NO_CONTEXT;
	return ctx;
}

static GLuint shader(GLenum type, const char *text)
{
	GLuint s = glCreateShader(type);

	glShaderSource(s, 1, &text, NULL);
	glCompileShader(s);
	return s;
}

static GLuint program(void)
{
	GLuint p = glCreateProgram();

	glAttachShader(p, shader(GL_VERTEX_SHADER,
				 "attribute vec4 at; void main() { gl_Position = at; }"));
	glAttachShader(p, shader(GL_FRAGMENT_SHADER, "precision mediump float; uniform vec4 colour;"
						     "void main() { gl_FragColor = colour; }"));
	glBindAttribLocation(p, 0, "at");
	glLinkProgram(p);
	glUseProgram(p);
	glUniform4f(glGetUniformLocation(p, "colour"), 1, 0, 0, 1);
	return p;
}

static void target(void)
{
	GLuint texture, frame;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glGenFramebuffers(1, &frame);
	glBindFramebuffer(GL_FRAMEBUFFER, frame);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
}

/* Draws a triangle over all; return: a pixel of it. */
static unsigned int draw(void)
{
	static const float corners[] = { -1, -1, 3, -1, -1, 3 };
	unsigned int pixel = 0xccccccccU;

	target();
	program();
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
	glEnableVertexAttribArray(0);
	glViewport(0, 0, SIDE, SIDE);
	glClearColor(0, 1, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glFinish();
	glReadPixels(9, 9, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, &pixel);
	return pixel;
}

FIXTURE(gl)
{
	char node[QT_PATH];
	int fd;
};

FIXTURE_SETUP(gl)
{
	setenv("MESA_SHADER_CACHE_DISABLE", "1", 1);
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
	ASSERT_EQ(0, qt_mock_load(""));
	ASSERT_EQ(0, qt_mock_node(self->node));
	self->fd = open(self->node, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(gl)
{
	close(self->fd);
	EXPECT_EQ(0, qt_mock_live());
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, qt_mock_unload());
}

static void draws(struct __test_metadata *_metadata, EGLDisplay dpy)
{
	long before = qt_mock_stat("gfx_submitted");
	const char *renderer;
	EGLContext ctx;

	ASSERT_NE(EGL_NO_DISPLAY, dpy);
	ctx = context_of(dpy);
	ASSERT_NE(EGL_NO_CONTEXT, ctx)
	{
		TH_LOG("EGL error %#x", eglGetError());
	}
	renderer = (const char *)glGetString(GL_RENDERER);
	TH_LOG("%s, %s", renderer, (const char *)glGetString(GL_VERSION));
	EXPECT_NE(NULL, strstr(renderer, "Vega"));
	EXPECT_EQ(0, draw());
	EXPECT_EQ(GL_NO_ERROR, glGetError());
	EXPECT_LT(before, qt_mock_stat("gfx_submitted"));
	EXPECT_EQ(qt_mock_stat("gfx_submitted"), qt_mock_stat("gfx_finished"));
	EXPECT_LT(0, qt_mock_stat("vram_bytes"));
	eglMakeCurrent(dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(dpy, ctx);
	eglTerminate(dpy);
}

TEST_F_TIMEOUT(gl, gbm, 120)
{
	void *lib = dlopen("libgbm.so.1", RTLD_NOW);
	struct gbm_device *(*create)(int fd);
	void (*destroy)(struct gbm_device * gbm);
	struct gbm_device *gbm;

	ASSERT_NE(NULL, lib);
	*(void **)&create = dlsym(lib, "gbm_create_device");
	*(void **)&destroy = dlsym(lib, "gbm_device_destroy");
	ASSERT_TRUE(create && destroy);
	gbm = create(self->fd);
	ASSERT_NE(NULL, gbm);
	draws(_metadata, display_of(EGL_PLATFORM_GBM_KHR, gbm));
	destroy(gbm);
}

/* Without a window system, on the device whose render node is the mock's. */
TEST_F_TIMEOUT(gl, surfaceless, 120)
{
	PFNEGLQUERYDEVICESEXTPROC devices =
		(PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
	PFNEGLQUERYDEVICESTRINGEXTPROC string =
		(PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress("eglQueryDeviceStringEXT");
	EGLDeviceEXT device[16], found = NULL;
	EGLint i, n = 0;

	ASSERT_TRUE(devices && string);
	ASSERT_TRUE(devices(16, device, &n));
	for (i = 0; i < n; i++) {
		const char *node = string(device[i], EGL_DRM_RENDER_NODE_FILE_EXT);

		if (node && !strcmp(node, self->node))
			found = device[i];
	}
	ASSERT_NE(NULL, found);
	draws(_metadata, display_of(EGL_PLATFORM_DEVICE_EXT, found));
}

TEST_HARNESS_MAIN
