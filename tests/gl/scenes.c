// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small GL programs, each of which draws one scene off screen and prints a number made of its
 * pixels: "SCENE HASH". Which GPU draws, EGL's surfaceless platform decides: the first render node.
 *
 * scenes list     prints the scenes' names
 * scenes NAME...  draws these; without a name, all
 * scenes hog      makes textures of 1 MiB until there is no more memory, 1000 at most, gives half
 *                 of them back, and draws
 * scenes frames N draws N frames one after the other, each read back, and prints how many a second
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl31.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIDE 64

static void die(const char *what)
{
	fprintf(stderr, "scenes: %s: GL error %#x, EGL error %#x\n", what, glGetError(),
		eglGetError());
	exit(1);
}

static GLuint shader(GLenum kind, const char *text)
{
	GLuint s = glCreateShader(kind);
	char log[1000] = "";
	GLint ok;

	glShaderSource(s, 1, &text, NULL);
	glCompileShader(s);
	glGetShaderiv(s, GL_COMPILE_STATUS, &ok);
	if (!ok) {
		glGetShaderInfoLog(s, sizeof(log), NULL, log);
		die(log);
	}
	return s;
}

static GLuint program(const char *vertex, const char *fragment)
{
	GLuint p = glCreateProgram();
	GLint ok;

	glAttachShader(p, shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(p, shader(GL_FRAGMENT_SHADER, fragment));
	glBindAttribLocation(p, 0, "at");
	glBindAttribLocation(p, 1, "more");
	glLinkProgram(p);
	glGetProgramiv(p, GL_LINK_STATUS, &ok);
	if (!ok)
		die("link");
	glUseProgram(p);
	return p;
}

#define V                                                                   \
	"#version 300 es\nin vec2 at; in vec2 more; out vec2 to;"           \
	"void main() { to = more; gl_Position = vec4(at, 0.0, 1.0); }"
#define F "#version 300 es\nprecision highp float; in vec2 to; out vec4 color;"

static const float corners[] = { -0.8f, -0.8f, 0, 0, 0.8f, -0.8f, 1, 0,
				 -0.8f, 0.8f,  0, 1, 0.8f, 0.8f,  1, 1 };

static void give(const float *v, size_t n, GLint size)
{
	GLuint buffer;

	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, n * sizeof(*v), v, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, size * sizeof(*v), NULL);
	glEnableVertexAttribArray(0);
	glVertexAttribPointer(1, 2, GL_FLOAT, GL_FALSE, size * sizeof(*v),
			      (const char *)NULL + 2 * sizeof(*v));
	glEnableVertexAttribArray(1);
}

static void square(void)
{
	give(corners, 16, 4);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

/* A checkered texture, 8 by 8. */
static GLuint checkers(GLint filter)
{
	uint8_t t[8 * 8 * 4];
	GLuint texture;
	int i;

	for (i = 0; i < 64; i++) {
		t[4 * i] = (i ^ i >> 3) & 1 ? 255 : 32;
		t[4 * i + 1] = i * 4;
		t[4 * i + 2] = 255 - i * 4;
		t[4 * i + 3] = 255;
	}
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 8, 8, 0, GL_RGBA, GL_UNSIGNED_BYTE, t);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER,
			filter == GL_NEAREST ? GL_NEAREST : GL_LINEAR);
	return texture;
}

static void clear_only(void)
{
	glClearColor(0.25f, 0.5f, 0.75f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static void triangle(void)
{
	program(V, F "void main() { color = vec4(1.0, 0.5, 0.25, 1.0); }");
	give(corners, 16, 4);
	glDrawArrays(GL_TRIANGLES, 0, 3);
}

static void gradient(void)
{
	program(V, F "void main() { color = vec4(to, 0.5, 1.0); }");
	square();
}

static void texture_nearest(void)
{
	program(V, F "uniform sampler2D t; void main() { color = texture(t, to); }");
	checkers(GL_NEAREST);
	square();
}

static void texture_linear(void)
{
	program(V, F "uniform sampler2D t; void main() { color = texture(t, to * 2.0); }");
	checkers(GL_LINEAR);
	square();
}

static void mipmaps(void)
{
	program(V, F "uniform sampler2D t; void main() { color = textureLod(t, to, 1.0); }");
	checkers(GL_NEAREST_MIPMAP_NEAREST);
	glGenerateMipmap(GL_TEXTURE_2D);
	square();
}

static void texture_update(void)
{
	static const uint8_t part[4 * 4 * 4] = { [0 ... 63] = 200 };

	program(V, F "uniform sampler2D t; void main() { color = texture(t, to); }");
	checkers(GL_NEAREST);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 2, 2, 4, 4, GL_RGBA, GL_UNSIGNED_BYTE, part);
	square();
}

static void blending(void)
{
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	program(V, F "void main() { color = vec4(to, 1.0, 0.5); }");
	square();
	square();
}

static void depth(void)
{
	GLuint p = program("#version 300 es\nin vec2 at; uniform float z;"
			   "void main() { gl_Position = vec4(at, z, 1.0); }",
			   F "uniform vec4 c; void main() { color = c; }");
	int i;

	glEnable(GL_DEPTH_TEST);
	for (i = 0; i < 4; i++) {
		glUniform1f(glGetUniformLocation(p, "z"), (i * 7 % 4) * 0.2f - 0.4f);
		glUniform4f(glGetUniformLocation(p, "c"), i * 0.3f, 1 - i * 0.3f, 0.5f, 1);
		square();
	}
}

static void stencil(void)
{
	program(V, F "void main() { if (to.x < 0.5) discard; color = vec4(to, 0.0, 1.0); }");
	glEnable(GL_STENCIL_TEST);
	glStencilFunc(GL_ALWAYS, 1, 255);
	glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
	square();
	program(V, F "void main() { color = vec4(0.0, to, 1.0); }");
	glStencilFunc(GL_NOTEQUAL, 1, 255);
	square();
}

static void scissor(void)
{
	glEnable(GL_SCISSOR_TEST);
	glScissor(10, 20, 30, 25);
	gradient();
}

static void viewport(void)
{
	glViewport(16, 8, 32, 48);
	gradient();
}

static void instances(void)
{
	program("#version 300 es\nin vec2 at; flat out int n;"
		"void main() { n = gl_InstanceID;"
		"gl_Position = vec4(at * 0.25 + vec2(float(n % 4), float(n / 4)) * 0.5 - 0.75,"
		"0.0, 1.0); }",
		"#version 300 es\nprecision highp float; flat in int n; out vec4 color;"
		"void main() { color = vec4(float(n) / 16.0, 1.0, 0.25, 1.0); }");
	give(corners, 16, 4);
	glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, 16);
}

static void indices(void)
{
	static const uint16_t order[] = { 0, 1, 2, 2, 1, 3 };
	GLuint buffer;

	program(V, F "void main() { color = vec4(1.0 - to, 0.0, 1.0); }");
	give(corners, 16, 4);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, buffer);
	glBufferData(GL_ELEMENT_ARRAY_BUFFER, sizeof(order), order, GL_STATIC_DRAW);
	glDrawElements(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, NULL);
}

static void points(void)
{
	program("#version 300 es\nin vec2 at; void main() { gl_PointSize = 8.0;"
		"gl_Position = vec4(at, 0.0, 1.0); }",
		F "void main() { color = vec4(gl_PointCoord, 1.0, 1.0); }");
	give(corners, 16, 4);
	glDrawArrays(GL_POINTS, 0, 4);
}

static void lines(void)
{
	program(V, F "void main() { color = vec4(0.0, 1.0, 1.0, 1.0); }");
	give(corners, 16, 4);
	glDrawArrays(GL_LINE_LOOP, 0, 4);
}

static void uniform_block(void)
{
	static const float colors[8] = { 1, 0, 0.5f, 1, 0, 1, 0.25f, 1 };
	GLuint buffer;

	program(V, F "layout(std140) uniform block { vec4 c[2]; };"
		     "void main() { color = mix(c[0], c[1], to.x); }");
	glGenBuffers(1, &buffer);
	glBindBufferBase(GL_UNIFORM_BUFFER, 0, buffer);
	glBufferData(GL_UNIFORM_BUFFER, sizeof(colors), colors, GL_DYNAMIC_DRAW);
	square();
}

/* Into a texture first, and that onto the picture. */
static void two_passes(void)
{
	GLuint texture, fb;
	GLint into;

	glGetIntegerv(GL_FRAMEBUFFER_BINDING, &into);
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, 32, 32);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glGenFramebuffers(1, &fb);
	glBindFramebuffer(GL_FRAMEBUFFER, fb);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	glViewport(0, 0, 32, 32);
	gradient();
	glBindFramebuffer(GL_FRAMEBUFFER, into);
	glViewport(0, 0, SIDE, SIDE);
	program(V, F "uniform sampler2D t; void main() { color = texture(t, to).bgra; }");
	square();
}

/* Four samples a pixel, brought together. */
static void samples(void)
{
	GLuint rb, fb;
	GLint into;

	glGetIntegerv(GL_FRAMEBUFFER_BINDING, &into);
	glGenRenderbuffers(1, &rb);
	glBindRenderbuffer(GL_RENDERBUFFER, rb);
	glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_RGBA8, SIDE, SIDE);
	glGenFramebuffers(1, &fb);
	glBindFramebuffer(GL_FRAMEBUFFER, fb);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, rb);
	glClear(GL_COLOR_BUFFER_BIT);
	triangle();
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, into);
	glBlitFramebuffer(0, 0, SIDE, SIDE, 0, 0, SIDE, SIDE, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glBindFramebuffer(GL_FRAMEBUFFER, into);
}

static void cube(void)
{
	uint8_t face[4 * 4 * 4];
	GLuint texture;
	int i;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_CUBE_MAP, texture);
	for (i = 0; i < 6; i++) {
		memset(face, 40 * (i + 1), sizeof(face));
		glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + i, 0, GL_RGBA8, 4, 4, 0, GL_RGBA,
			     GL_UNSIGNED_BYTE, face);
	}
	glTexParameteri(GL_TEXTURE_CUBE_MAP, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_CUBE_MAP, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	program(V, F "uniform samplerCube t; void main() {"
		     "color = texture(t, vec3(to * 4.0 - 2.0, 1.0)); }");
	square();
}

/* A picture in many small pieces: a buffer that is written anew for each. */
static void many_draws(void)
{
	float piece[16];
	int i, j;

	program(V, F "void main() { color = vec4(to, fract(to.x * 7.0), 1.0); }");
	for (i = 0; i < 64; i++) {
		for (j = 0; j < 16; j++)
			piece[j] = j % 4 < 2 ? corners[j] / 8 + (j % 4 ? i / 8 : i % 8) * 0.25f -
						       0.875f
					     : corners[j];
		give(piece, 16, 4);
		glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	}
}

static void copy_texture(void)
{
	gradient();
	checkers(GL_NEAREST);
	glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 16, 16, 8, 8);
	program(V, F "uniform sampler2D t; void main() { color = texture(t, to.yx); }");
	square();
}

/* Written by the GPU into a buffer, and drawn from there. */
static void feedback(void)
{
	static const char *const out = "to";
	GLuint p = glCreateProgram(), buffer, source;

	glAttachShader(p, shader(GL_VERTEX_SHADER,
				 "#version 300 es\nin vec2 at; out vec4 to;"
				 "void main() { to = vec4(at.yx * 0.5, at * 0.5 + 0.5);"
				 "gl_Position = vec4(0.0); }"));
	glAttachShader(p, shader(GL_FRAGMENT_SHADER,
				 "#version 300 es\nprecision highp float; out vec4 color;"
				 "void main() { color = vec4(1.0); }"));
	glBindAttribLocation(p, 0, "at");
	glTransformFeedbackVaryings(p, 1, &out, GL_INTERLEAVED_ATTRIBS);
	glLinkProgram(p);
	glUseProgram(p);
	give(corners, 16, 4);
	glGetIntegerv(GL_ARRAY_BUFFER_BINDING, (GLint *)&source);
	glGenBuffers(1, &buffer);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	glBufferData(GL_TRANSFORM_FEEDBACK_BUFFER, sizeof(corners), NULL, GL_DYNAMIC_COPY);
	glEnable(GL_RASTERIZER_DISCARD);
	glBeginTransformFeedback(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, 4);
	glEndTransformFeedback();
	glDisable(GL_RASTERIZER_DISCARD);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 16, NULL);
	glVertexAttribPointer(1, 2, GL_FLOAT, GL_FALSE, 16, (const char *)NULL + 8);
	program(V, F "void main() { color = vec4(to, 0.75, 1.0); }");
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

static const struct scene {
	const char *name;
	void (*draw)(void);
} scenes[] = {
	{ "clear", clear_only },
	{ "triangle", triangle },
	{ "gradient", gradient },
	{ "texture_nearest", texture_nearest },
	{ "texture_linear", texture_linear },
	{ "mipmaps", mipmaps },
	{ "texture_update", texture_update },
	{ "blending", blending },
	{ "depth", depth },
	{ "stencil", stencil },
	{ "scissor", scissor },
	{ "viewport", viewport },
	{ "instances", instances },
	{ "indices", indices },
	{ "points", points },
	{ "lines", lines },
	{ "uniform_block", uniform_block },
	{ "two_passes", two_passes },
	{ "samples", samples },
	{ "cube", cube },
	{ "many_draws", many_draws },
	{ "copy_texture", copy_texture },
	{ "feedback", feedback },
};

#define N_SCENES (sizeof(scenes) / sizeof(scenes[0]))

static EGLDisplay display;

/* A context of its own, with a picture of its own. */
static EGLContext begin(void)
{
	static const EGLint want[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	EGLContext context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, want);
	GLuint fb, rb[2];

	if (!context || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		die("a context");
	glGenFramebuffers(1, &fb);
	glBindFramebuffer(GL_FRAMEBUFFER, fb);
	glGenRenderbuffers(2, rb);
	glBindRenderbuffer(GL_RENDERBUFFER, rb[0]);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, SIDE, SIDE);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, rb[0]);
	glBindRenderbuffer(GL_RENDERBUFFER, rb[1]);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, SIDE, SIDE);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER,
				  rb[1]);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		die("a picture");
	glViewport(0, 0, SIDE, SIDE);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	return context;
}

static void end(EGLContext context)
{
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(display, context);
}

/* FNV-1a over the pixels. */
static uint64_t hash(void)
{
	static uint8_t pixels[SIDE * SIDE * 4];
	uint64_t h = 0xcbf29ce484222325;
	size_t i;

	glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	for (i = 0; i < sizeof(pixels); i++)
		h = (h ^ pixels[i]) * 0x100000001b3;
	if (glGetError())
		die("reading the picture");
	return h;
}

static void draw(const struct scene *s)
{
	EGLContext context = begin();

	s->draw();
	printf("%s %016llx\n", s->name, (unsigned long long)hash());
	fflush(stdout);
	end(context);
}

static const struct scene *find(const char *name)
{
	size_t i;

	for (i = 0; i < N_SCENES; i++)
		if (!strcmp(scenes[i].name, name))
			return &scenes[i];
	fprintf(stderr, "scenes: no scene '%s'\n", name);
	exit(2);
}

/* Textures of 1 MiB, each of them written to: else it may not be there yet. */
static int hog(void)
{
	static uint8_t row[512 * 4];
	EGLContext context = begin();
	GLuint textures[1000];
	GLenum error = 0;
	int n, i;

	for (n = 0; n < 1000 && !error; n++) {
		glGenTextures(1, &textures[n]);
		glBindTexture(GL_TEXTURE_2D, textures[n]);
		glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, 512, 512);
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 512, 1, GL_RGBA, GL_UNSIGNED_BYTE, row);
		error = glGetError();
	}
	printf("%d textures, error %#x\n", n, error);
	for (i = n / 2; i < n; i++)
		glDeleteTextures(1, &textures[i]);
	glBindTexture(GL_TEXTURE_2D, 0);
	glFinish();
	gradient();
	printf("gradient %016llx\n", (unsigned long long)hash());
	end(context);
	return 0;
}

static int frames(int n)
{
	EGLContext context = begin();
	struct timespec a, b;
	int i;

	gradient();
	hash();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < n; i++) {
		glClearColor(i % 10 * 0.1f, 0, 0, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
		hash();
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	end(context);
	printf("%.1f frames a second\n",
	       n / (b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) * 1e-9));
	return 0;
}

int main(int argc, char **argv)
{
	EGLContext context;
	size_t i;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (i = 0; i < N_SCENES; i++)
			puts(scenes[i].name);
		return 0;
	}
	display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (!display || !eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API))
		die("EGL");
	if (argc == 2 && !strcmp(argv[1], "hog"))
		return hog();
	if (argc == 3 && !strcmp(argv[1], "frames"))
		return frames(atoi(argv[2]));
	context = begin();
	fprintf(stderr, "renderer: %s\n", (const char *)glGetString(GL_RENDERER));
	end(context);
	for (i = 1; i < (size_t)argc; i++)
		draw(find(argv[i]));
	for (i = 0; argc == 1 && i < N_SCENES; i++)
		draw(&scenes[i]);
	return 0;
}
