/* SPDX-License-Identifier: GPL-2.0-only */
/* A picture drawn by Mesa, by each of two ways to find the GPU. */
#ifndef MESA_H
#define MESA_H

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>

#define SIDE 64

/* Of libgbm, whose headers need not be there. */
struct gbm_device;

static inline EGLDisplay display_of(EGLenum platform, void *native)
{
	PFNEGLGETPLATFORMDISPLAYEXTPROC get =
		(PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");

	return get ? get(platform, native, NULL) : EGL_NO_DISPLAY;
}

static inline EGLContext context_of(EGLDisplay dpy)
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

static inline GLuint shader(GLenum type, const char *text)
{
	GLuint s = glCreateShader(type);

	glShaderSource(s, 1, &text, NULL);
	glCompileShader(s);
	return s;
}

static inline GLuint program(void)
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

static inline void target(void)
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
static inline unsigned int draw(void)
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

/* The environment that it needs in a guest. */
static inline void mesa_setup(void)
{
	setenv("MESA_SHADER_CACHE_DISABLE", "1", 1);
	setenv("XDG_RUNTIME_DIR", "/tmp", 1);
}

static inline void *gbm_function(const char *name)
{
	void *lib = dlopen("libgbm.so.1", RTLD_NOW);

	return lib ? dlsym(lib, name) : NULL;
}

/* On an open render node; @gbm: out, to be ended, or NULL. */
static inline EGLDisplay gbm_display(int fd, struct gbm_device **gbm)
{
	struct gbm_device *(*create)(int fd);

	*(void **)&create = gbm_function("gbm_create_device");
	*gbm = create ? create(fd) : NULL;
	return *gbm ? display_of(EGL_PLATFORM_GBM_KHR, *gbm) : EGL_NO_DISPLAY;
}

static inline void gbm_end(struct gbm_device *gbm)
{
	void (*destroy)(struct gbm_device * gbm);

	*(void **)&destroy = gbm_function("gbm_device_destroy");
	if (destroy)
		destroy(gbm);
}

/* On the device that has this render node. */
static inline EGLDisplay device_display(const char *path)
{
	PFNEGLQUERYDEVICESEXTPROC devices =
		(PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
	PFNEGLQUERYDEVICESTRINGEXTPROC string =
		(PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress("eglQueryDeviceStringEXT");
	EGLDeviceEXT device[16], found = NULL;
	EGLint i, n = 0;

	if (!devices || !string || !devices(16, device, &n))
		return EGL_NO_DISPLAY;
	for (i = 0; i < n; i++) {
		const char *of = string(device[i], EGL_DRM_RENDER_NODE_FILE_EXT);

		if (of && !strcmp(of, path))
			found = device[i];
	}
	return found ? display_of(EGL_PLATFORM_DEVICE_EXT, found) : EGL_NO_DISPLAY;
}

#endif
