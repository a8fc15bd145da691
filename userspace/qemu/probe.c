// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking a QEMU by QMP: without a machine, what it has; with one that is empty, whether a guest
 * runs by KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "qemu/caps.h"
#include "util/json.h"
#include "util/mem.h"

/* It takes 0.4 s; on an emulated machine a few seconds. */
#define DEADLINE_MS 60000
/* The longest answer has 200 KiB. */
#define MAX_ANSWER (8U << 20)

/* Of KVM: a guest's first steps, and how long these are looked at. */
#define KVM_DEADLINE_MS 10000
#define KVM_LOOKS	10
#define KVM_LOOK_MS	20

struct probe {
	const char *path;
	const char *machine, *accel, *cpu; /* the latter may be NULL */
	pid_t pid;
	int fd;
	int log; /* what it writes to stderr */
	int64_t until;
	char *text;
	size_t len, at;
	struct qerr *e;
};

/* Devices that we know what to do with. */
static const char *const wanted[] = {
	"virtio-gpu-pci",
	"virtio-gpu-gl-pci",
	"virtio-vga",
	"virtio-vga-gl",
	"bochs-display",
	"VGA",
	"secondary-vga",
	"cirrus-vga",
	"qxl",
	"qxl-vga",
	"vmware-svga",
	"ramfb",
	"vfio-pci",
	"pcie-root-port",
	"intel-iommu",
	"virtio-net-pci",
	"e1000",
	"e1000e",
	"rtl8139",
	"virtio-blk-pci",
};

/* Those of them that have a second half, which may be in a module that is not installed. */
static const char *const halves[][2] = {
	{ "virtio-gpu-pci", "virtio-gpu-device" },
	{ "virtio-vga", "virtio-gpu-device" },
	{ "virtio-gpu-gl-pci", "virtio-gpu-gl-device" },
	{ "virtio-vga-gl", "virtio-gpu-gl-device" },
};

/* Those whose properties count. */
static const char *const detailed[] = { "virtio-gpu-pci", "virtio-gpu-gl-pci", "vfio-pci",
					"intel-iommu" };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void __attribute__((noreturn)) child(const struct probe *p, int fd)
{
	char chardev[48];
	const char *argv[] = { p->path,
			       "-machine",
			       p->machine,
			       "-nodefaults",
			       "-no-user-config",
			       "-display",
			       "none",
			       "-chardev",
			       chardev,
			       "-mon",
			       "chardev=q,mode=control",
			       p->accel ? "-S" : NULL,
			       "-accel",
			       p->accel,
			       "-cpu",
			       p->cpu,
			       NULL };
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(chardev, sizeof(chardev), "socket,id=q,fd=%d", fd);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(p->log, 2) < 0 ||
	    fcntl(fd, F_SETFD, 0))
		_exit(126);
	execv(p->path, (char *const *)argv);
	_exit(127);
}

/* What it has said last, for an error: the first line. */
static const char *last_words(struct probe *p, char *buf, size_t len)
{
	ssize_t n = pread(p->log, buf, len - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf[0] ? buf : "it has ended without a word";
}

/* A line of its answers, whole; NULL on failure. */
static struct json_object *read_message(struct probe *p, int *err)
{
	struct json_object *m;
	char words[256], *end;
	ssize_t n;

	for (;;) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		int64_t left = p->until - now_ms();

		end = p->len ? memchr(p->text, '\n', p->len) : NULL;
		if (end) {
			*end = '\0';
			m = json_tokener_parse(p->text);
			n = end + 1 - p->text;
			memmove(p->text, end + 1, p->len - n);
			p->len -= n;
			if (m)
				return m;
			*err = qerr_set(p->e, EBADMSG, "%s: its answer is no JSON", p->path);
			return NULL;
		}
		if (p->len >= MAX_ANSWER) {
			*err = qerr_set(p->e, EMSGSIZE, "%s: its answer has no end", p->path);
			return NULL;
		}
		if (left <= 0 || (poll(&pfd, 1, left) == 0)) {
			*err = qerr_set(p->e, ETIMEDOUT, "%s does not answer", p->path);
			return NULL;
		}
		p->text = qmem_realloc(p->text, p->len + 65536, 1);
		n = recv(p->fd, p->text + p->len, 65536, MSG_DONTWAIT);
		if (n > 0) {
			p->len += n;
		} else if (!n || (errno != EAGAIN && errno != EINTR)) {
			*err = qerr_set(p->e, EPIPE, "%s: %s", p->path,
					last_words(p, words, sizeof(words)));
			return NULL;
		}
	}
}

/*
 * Return: what stands under "return", to be put; NULL: an error, or (with @err as it was) QEMU does
 * not know this.
 */
static struct json_object *ask(struct probe *p, const char *command, const char *arg,
			       const char *value, int *err)
{
	struct json_object *m = qjson_obj(), *args = NULL, *answer = NULL;
	const char *text;

	qjson_add_str(m, "execute", command);
	if (arg) {
		args = qjson_add(m, "arguments", qjson_obj());
		qjson_add_str(args, arg, value);
		if (!strcmp(command, "qom-list-types"))
			qjson_add_bool(args, "abstract", false);
	}
	text = json_object_to_json_string_ext(m, JSON_C_TO_STRING_PLAIN);
	/* A line that is short enough for the socket, whatever it holds. */
	if (send(p->fd, text, strlen(text), MSG_NOSIGNAL) < 0 ||
	    send(p->fd, "\n", 1, MSG_NOSIGNAL) < 0)
		*err = qerr_set(p->e, EPIPE, "%s has ended", p->path);
	json_object_put(m);
	while (!*err) {
		m = read_message(p, err);
		if (m && (qjson_get(m, "return") || qjson_get(m, "error"))) {
			answer = json_object_get(qjson_get(m, "return"));
			json_object_put(m);
			break;
		}
		json_object_put(m);
	}
	return answer;
}

static bool among(const struct json_object *list, const char *key, const char *name)
{
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		const char *one = qjson_get_str(qjson_at(list, i), key);

		if (one && !strcmp(one, name))
			return true;
	}
	return false;
}

/* Asks for a list of objects, and keeps what each has under @key, and under @also. */
static void names(struct probe *p, const char *command, const char *implements, const char *key,
		  const char *also, struct json_object *out, int *err)
{
	struct json_object *list =
		*err ? NULL : ask(p, command, implements ? "implements" : NULL, implements, err);
	const char *name;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		name = qjson_get_str(qjson_at(list, i), key);
		if (name)
			qjson_push_str(out, name);
		name = also ? qjson_get_str(qjson_at(list, i), also) : NULL;
		if (name)
			qjson_push_str(out, name);
	}
	json_object_put(list);
}

static void devices(struct probe *p, struct json_object *out, int *err)
{
	struct json_object *list = ask(p, "qom-list-types", "implements", "device", err);
	size_t i, j;

	for (i = 0; i < COUNT(wanted); i++) {
		bool there = among(list, "name", wanted[i]);

		/* Asking for such a one ends some QEMUs. */
		for (j = 0; j < COUNT(halves); j++)
			if (!strcmp(wanted[i], halves[j][0]))
				there = there && among(list, "name", halves[j][1]);
		if (there)
			qjson_push_str(out, wanted[i]);
	}
	json_object_put(list);
}

static void properties(struct probe *p, struct qemu_caps *caps, int *err)
{
	struct json_object *props = qjson_add(caps->doc, "properties", qjson_obj()), *list, *out;
	size_t i, j;

	for (i = 0; !*err && i < COUNT(detailed); i++) {
		if (!qemu_caps_has(caps, "devices", detailed[i]))
			continue;
		list = ask(p, "device-list-properties", "typename", detailed[i], err);
		out = qjson_add(props, detailed[i], qjson_arr());
		for (j = 0; j < qjson_len(list); j++) {
			const char *name = qjson_get_str(qjson_at(list, j), "name");

			/* x-... are not for use. */
			if (name && strncmp(name, "x-", 2))
				qjson_push_str(out, name);
		}
		json_object_put(list);
	}
}

/* Kinds of displays: the values of the one enum that holds "egl-headless" or "none" and "gtk". */
static void displays(struct probe *p, struct json_object *out, int *err)
{
	struct json_object *schema = ask(p, "query-qmp-schema", NULL, NULL, err), *values;
	size_t i, j, n;

	for (i = 0; i < qjson_len(schema); i++) {
		bool default_ = false, none = false;

		values = qjson_get(qjson_at(schema, i), "values");
		n = qjson_len(values);
		for (j = 0; j < n; j++) {
			const char *v = json_object_get_string(qjson_at(values, j));

			default_ |= !strcmp(v, "default");
			none |= !strcmp(v, "none");
		}
		/* DisplayType is the enum that has these two, and no third of the schema has. */
		for (j = 0; default_ && none && j < n; j++)
			qjson_push_str(out, json_object_get_string(qjson_at(values, j)));
	}
	json_object_put(schema);
}

static int greet(struct probe *p)
{
	struct json_object *a;
	int err = 0;

	a = read_message(p, &err);
	if (a && !qjson_get(a, "QMP"))
		err = qerr_set(p->e, EBADMSG, "%s does not greet as QEMU does", p->path);
	json_object_put(a);
	if (!err)
		json_object_put(ask(p, "qmp_capabilities", NULL, NULL, &err));
	return err;
}

static int questions(struct probe *p, struct qemu_caps *caps)
{
	struct json_object *a, *v;
	int err = greet(p);

	if (err)
		return err;
	a = ask(p, "query-version", NULL, NULL, &err);
	v = qjson_get(a, "qemu");
	qjson_add_fmt(caps->doc, "version", "%d.%d.%d", (int)qjson_get_int(v, "major", 0),
		      (int)qjson_get_int(v, "minor", 0), (int)qjson_get_int(v, "micro", 0));
	json_object_put(a);
	a = err ? NULL : ask(p, "query-target", NULL, NULL, &err);
	qjson_add_str(caps->doc, "arch", qjson_get_str(a, "arch"));
	json_object_put(a);
	a = err ? NULL : ask(p, "query-kvm", NULL, NULL, &err);
	qjson_add_bool(caps->doc, "kvm", qjson_get_bool(a, "present", false));
	json_object_put(a);
	names(p, "query-machines", NULL, "name", "alias",
	      qjson_add(caps->doc, "machines", qjson_arr()), &err);
	names(p, "query-cpu-definitions", NULL, "name", NULL,
	      qjson_add(caps->doc, "cpus", qjson_arr()), &err);
	names(p, "query-command-line-options", NULL, "option", NULL,
	      qjson_add(caps->doc, "options", qjson_arr()), &err);
	names(p, "qom-list-types", "user-creatable", "name", NULL,
	      qjson_add(caps->doc, "objects", qjson_arr()), &err);
	a = qjson_add(caps->doc, "displays", qjson_arr());
	if (!err)
		displays(p, a, &err);
	a = qjson_add(caps->doc, "devices", qjson_arr());
	if (!err)
		devices(p, a, &err);
	if (!err)
		properties(p, caps, &err);
	return err;
}

/* Starts it, has it answer, and ends it. */
static int carry_out(struct probe *p, int (*fn)(struct probe *p, struct qemu_caps *caps),
		     struct qemu_caps *caps)
{
	int fds[2], ret;

	p->log = memfd_create("qemu-log", MFD_CLOEXEC);
	if (p->log < 0)
		return qerr_sys(p->e, errno, "memfd_create");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		ret = qerr_sys(p->e, errno, "socketpair");
		goto close_log;
	}
	p->fd = fds[0];
	p->pid = fork();
	if (!p->pid)
		child(p, fds[1]);
	close(fds[1]);
	if (p->pid < 0) {
		ret = qerr_sys(p->e, errno, "fork");
		goto close_fd;
	}
	ret = fn(p, caps);
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(p->text);
close_fd:
	close(p->fd);
close_log:
	close(p->log);
	return ret;
}

int qemu_caps_ask(const char *path, struct qemu_caps *caps, struct qerr *e)
{
	struct probe p = {
		.path = path, .machine = "none", .until = now_ms() + DEADLINE_MS, .e = e
	};
	int ret;

	caps->doc = qjson_obj();
	ret = carry_out(&p, questions, caps);
	if (ret)
		qemu_caps_free(caps);
	return ret;
}

/* Its CPU is made and set, which some hosts refuse, and runs: an error would stop it at once. */
static int first_steps(struct probe *p, struct qemu_caps *unused)
{
	struct json_object *a;
	const char *status;
	int err = greet(p), i;

	if (!err)
		json_object_put(ask(p, "cont", NULL, NULL, &err));
	for (i = 0; i < KVM_LOOKS && !err; i++) {
		poll(NULL, 0, KVM_LOOK_MS);
		a = ask(p, "query-status", NULL, NULL, &err);
		status = qjson_get_str(a, "status");
		if (!err && (!status || strcmp(status, "running") != 0))
			err = qerr_set(p->e, EIO, "%s: a guest stops at once: %s", p->path,
				       status ? status : "unknown");
		json_object_put(a);
	}
	return err;
}

int qemu_kvm_try(const char *path, const char *machine, const char *cpu, struct qerr *e)
{
	struct probe p = { .path = path,
			   .machine = machine,
			   .accel = "kvm",
			   .cpu = cpu,
			   .until = now_ms() + KVM_DEADLINE_MS,
			   .e = e };

	return carry_out(&p, first_steps, NULL);
}
