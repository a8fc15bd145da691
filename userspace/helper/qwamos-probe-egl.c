// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-probe-egl [DRIVER]: what OpenGL ES the drivers offer, by libEGL. See helper/probe.h. */
#define EGL_EGL_PROTOTYPES 0
#define GL_GLES_PROTOTYPES 0
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>

#include "helper/probe.h"
#include "util/json.h"
#include "util/mem.h"

#define MAX_DEVICES 32

struct egl {
	PFNEGLGETPROCADDRESSPROC get;
	PFNEGLQUERYSTRINGPROC string;
	PFNEGLGETDISPLAYPROC display;
	PFNEGLINITIALIZEPROC init;
	PFNEGLTERMINATEPROC term;
	PFNEGLBINDAPIPROC bind;
	PFNEGLCHOOSECONFIGPROC choose;
	PFNEGLCREATECONTEXTPROC create;
	PFNEGLMAKECURRENTPROC current;
	PFNEGLGETERRORPROC error;
	PFNEGLCREATEPBUFFERSURFACEPROC pbuffer;
	PFNEGLQUERYDEVICESEXTPROC devices;
	PFNEGLQUERYDEVICESTRINGEXTPROC device_string;
	PFNEGLGETPLATFORMDISPLAYEXTPROC platform;
	PFNEGLGETDISPLAYDRIVERNAMEPROC driver;
};

/* Is @word one of the words of @list? */
static bool has(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = list; p && (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

/* "OpenGL ES 3.2 Mesa 22.3.6" */
static void add_gles_version(struct json_object *o, const char *text)
{
	unsigned int major, minor;

	qjson_add(o, "gles_version", NULL);
	if (text && sscanf(text, "OpenGL ES %u.%u", &major, &minor) == 2)
		qjson_add_fmt(o, "gles_version", "%u.%u", major, minor);
}

/* With a context current: what it says of itself. */
static bool add_context(struct egl *egl, struct json_object *o)
{
	PFNGLGETSTRINGPROC string = (PFNGLGETSTRINGPROC)egl->get("glGetString");
	PFNGLGETINTEGERVPROC integer = (PFNGLGETINTEGERVPROC)egl->get("glGetIntegerv");
	const char *version;
	GLint size = 0;

	if (!string || !integer)
		return false;
	version = (const char *)string(GL_VERSION);
	add_gles_version(o, version);
	qjson_add_str(o, "version", version);
	qjson_add_str(o, "vendor", (const char *)string(GL_VENDOR));
	qjson_add_str(o, "renderer", (const char *)string(GL_RENDERER));
	integer(GL_MAX_TEXTURE_SIZE, &size);
	qjson_add(o, "max_texture_2d", size > 0 ? json_object_new_int(size) : NULL);
	return true;
}

static EGLContext make_context(struct egl *egl, EGLDisplay dpy, EGLConfig config)
{
	EGLint attrs[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	EGLContext c = egl->create(dpy, config, EGL_NO_CONTEXT, attrs);

	if (c == EGL_NO_CONTEXT) {
		attrs[1] = 2;
		c = egl->create(dpy, config, EGL_NO_CONTEXT, attrs);
	}
	return c;
}

/*
 * A device that Mesa has no driver for is drawn by the CPU all the same: only the driver's name
 * tells, "swrast" or "kms_swrast".
 */
static void add_driver(struct egl *egl, EGLDisplay dpy, struct json_object *o)
{
	const char *name = NULL;

	if (egl->driver && has(egl->string(dpy, EGL_EXTENSIONS), "EGL_MESA_query_driver"))
		name = egl->driver(dpy);
	qjson_add_str(o, "driver", name);
	if (name && strstr(name, "swrast"))
		qjson_add_bool(o, "software", true);
}

/* Return: what did not work, or NULL */
static const char *look(struct egl *egl, EGLDisplay dpy, struct json_object *o)
{
	static const EGLint want[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
				       EGL_OPENGL_ES2_BIT, EGL_NONE };
	static const EGLint size[] = { EGL_WIDTH, 1, EGL_HEIGHT, 1, EGL_NONE };
	EGLSurface surface = EGL_NO_SURFACE;
	EGLint major, minor, n = 0;
	EGLConfig config = NULL;
	EGLContext c;

	probe_stage("eglInitialize");
	if (dpy == EGL_NO_DISPLAY || !egl->init(dpy, &major, &minor))
		return "eglInitialize";
	qjson_add_fmt(o, "egl_version", "%d.%d", major, minor);
	add_driver(egl, dpy, o);
	if (!egl->bind(EGL_OPENGL_ES_API))
		return "eglBindAPI";
	egl->choose(dpy, want, &config, 1, &n);
	probe_stage("eglCreateContext");
	c = make_context(egl, dpy, n > 0 ? config : NULL);
	if (c == EGL_NO_CONTEXT)
		return "eglCreateContext";
	if (!has(egl->string(dpy, EGL_EXTENSIONS), "EGL_KHR_surfaceless_context") && n > 0)
		surface = egl->pbuffer(dpy, config, size);
	probe_stage("eglMakeCurrent");
	if (!egl->current(dpy, surface, surface, c))
		return "eglMakeCurrent";
	if (!add_context(egl, o))
		return "eglGetProcAddress";
	egl->current(dpy, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	egl->term(dpy);
	return NULL;
}

/* Return: was it a device with OpenGL ES? */
static bool tell_device(struct egl *egl, EGLDisplay dpy, struct json_object *o, char *why,
			size_t len)
{
	const char *failed = look(egl, dpy, o);

	if (failed) {
		snprintf(why, len, "%s: EGL error 0x%x", failed, (unsigned int)egl->error());
		json_object_put(o);
		return false;
	}
	probe_tell("device", o);
	return true;
}

static struct json_object *new_device(struct egl *egl, EGLDeviceEXT dev)
{
	const char *exts = dev ? egl->device_string(dev, EGL_EXTENSIONS) : NULL;
	struct json_object *o = qjson_obj();

	qjson_add(o, "software", NULL);
	if (dev)
		qjson_add_bool(o, "software", has(exts, "EGL_MESA_device_software"));
	qjson_add_str(o, "card",
		      has(exts, "EGL_EXT_device_drm")
			      ? egl->device_string(dev, EGL_DRM_DEVICE_FILE_EXT)
			      : NULL);
	qjson_add_str(o, "render",
		      has(exts, "EGL_EXT_device_drm_render_node")
			      ? egl->device_string(dev, EGL_DRM_RENDER_NODE_FILE_EXT)
			      : NULL);
	return o;
}

static void look_at_all(struct egl *egl)
{
	const char *exts = egl->string(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	EGLDeviceEXT devs[MAX_DEVICES];
	char why[128] = "no driver has found a device of its own";
	EGLint i, n = 0, found = 0;

	if (has(exts, "EGL_EXT_platform_device") && egl->devices && egl->device_string &&
	    egl->platform) {
		probe_stage("eglQueryDevicesEXT");
		if (!egl->devices(MAX_DEVICES, devs, &n))
			n = 0;
		for (i = 0; i < n; i++)
			found += tell_device(egl,
					     egl->platform(EGL_PLATFORM_DEVICE_EXT, devs[i], NULL),
					     new_device(egl, devs[i]), why, sizeof(why));
	} else {
		probe_stage("eglGetDisplay");
		found = tell_device(egl, egl->display(EGL_DEFAULT_DISPLAY), new_device(egl, NULL),
				    why, sizeof(why));
	}
	if (found)
		probe_tell("state", json_object_new_string("version"));
	else
		probe_state("no_device", "%s", why);
}

static bool load(struct egl *egl, void *lib)
{
#define GET(field, type, name) ((egl->field = (type)dlsym(lib, name)))
	if (!GET(get, PFNEGLGETPROCADDRESSPROC, "eglGetProcAddress") ||
	    !GET(string, PFNEGLQUERYSTRINGPROC, "eglQueryString") ||
	    !GET(display, PFNEGLGETDISPLAYPROC, "eglGetDisplay") ||
	    !GET(init, PFNEGLINITIALIZEPROC, "eglInitialize") ||
	    !GET(term, PFNEGLTERMINATEPROC, "eglTerminate") ||
	    !GET(bind, PFNEGLBINDAPIPROC, "eglBindAPI") ||
	    !GET(choose, PFNEGLCHOOSECONFIGPROC, "eglChooseConfig") ||
	    !GET(create, PFNEGLCREATECONTEXTPROC, "eglCreateContext") ||
	    !GET(current, PFNEGLMAKECURRENTPROC, "eglMakeCurrent") ||
	    !GET(error, PFNEGLGETERRORPROC, "eglGetError") ||
	    !GET(pbuffer, PFNEGLCREATEPBUFFERSURFACEPROC, "eglCreatePbufferSurface"))
		return false;
#undef GET
	egl->devices = (PFNEGLQUERYDEVICESEXTPROC)egl->get("eglQueryDevicesEXT");
	egl->device_string = (PFNEGLQUERYDEVICESTRINGEXTPROC)egl->get("eglQueryDeviceStringEXT");
	egl->platform = (PFNEGLGETPLATFORMDISPLAYEXTPROC)egl->get("eglGetPlatformDisplayEXT");
	egl->driver = (PFNEGLGETDISPLAYDRIVERNAMEPROC)egl->get("eglGetDisplayDriverName");
	return true;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "libEGL.so.1", "libEGL.so", NULL };
	struct egl egl = { 0 };
	int status = probe_begin();
	void *lib;

	if (status)
		return status;
	if (argc > 1)
		setenv("__EGL_VENDOR_LIBRARY_FILENAMES", argv[1], 1);
	lib = probe_open(names);
	if (lib) {
		if (load(&egl, lib))
			look_at_all(&egl);
		else
			probe_state("not_loadable", "libEGL lacks functions of EGL 1.4");
	}
	probe_end();
}
