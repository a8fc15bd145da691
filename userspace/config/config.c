// SPDX-License-Identifier: GPL-2.0-only
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config/schema.h"
#include "config/values.h"
#include "kmod/policy.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/trust.h"

#define PATH_LEN 512

/* CPUs that QEMU gives a machine: q35 as of 7.2, virt with a GICv2. */
#define Q35_CORES  288
#define GIC2_CORES 8

static void defaults(struct qconfig *c)
{
	struct utsname host;

	memset(c, 0, sizeof(*c));
	c->machine = !uname(&host) && !strcmp(host.machine, "aarch64") ? QMACHINE_VIRT
								       : QMACHINE_Q35;
	c->gic_version = 3;
	c->cores = 1;
	c->memory_mib = 512;
	c->io = (struct qconfig_io){ -1, -1, -1, -1 };
	c->accel = QACCEL_AUTO;
	c->persistent = 1;
	c->where = qmem_calloc(QKEY_MAX, sizeof(*c->where));
	c->level = QWAMOS_GPU_LEVEL_MEDIUM;
	c->vram_limit_mib = -1;
	c->compute_share = -1;
	c->priority = 50;
	c->allow_vulkan = -1;
	c->allow_compute = -1;
	c->fallback = 1;
}

static const struct qkey *find_key(const char *path)
{
	const struct qkey *k;

	for (k = qkeys; k->path; k++)
		if (!strcmp(k->path, path))
			return k;
	return NULL;
}

/* Something that says no to its key: then nothing is asked for that we might fail to do. */
static bool says_no(const struct qnode *n)
{
	static const char *const words[] = { "", "false", "no", "off", "none", "null", "~", NULL };
	int i;

	if (n->type == QNODE_MAP && qtree_child(n, "enabled"))
		return says_no(qtree_child(n, "enabled"));
	if (n->type != QNODE_SCALAR)
		return !n->child;
	for (i = 0; words[i]; i++)
		if (!strcasecmp(n->value, words[i]))
			return true;
	return false;
}

/* All keys of a section of ours, for an error that says what is accepted. */
static void add_unknown(struct qdiags *d, const struct qnode *n, const char *path,
			const char *section)
{
	char accepted[512] = "";
	size_t len = strlen(section), at = 0;
	const struct qkey *k;

	for (k = qkeys; k->path; k++)
		if (!strncmp(k->path, section, len) && k->path[len] == '.' && at < sizeof(accepted))
			at += snprintf(accepted + at, sizeof(accepted) - at, "%s%s", at ? ", " : "",
				       k->path + len + 1);
	qdiag_add(d, QDIAG_ERROR, n->at, path, "no such key; accepted in %s: %s", section,
		  accepted);
}

/*
 * Both schemas in one file: which of two keys would count is for nobody to know. @given: nodes of
 * the keys so far. Return: whether another key says something else
 */
static bool is_contradicted(const struct qkey *k, const struct qnode *n,
			    const struct qnode *const *given, struct qdiags *d)
{
	const struct qnode *other;
	const struct qkey *o;

	for (o = qkeys; o->path; o++) {
		other = given[o - qkeys];
		if (o == k || o->offset != k->offset || !other)
			continue;
		if (qvalue_same(o, other, k, n)) {
			qdiag_add(d, QDIAG_NOTE, n->value_at, k->path, "as %s in line %u", o->path,
				  other->value_at.line);
			continue;
		}
		qdiag_add(d, QDIAG_ERROR, n->value_at, k->path,
			  "'%s' found, but %s in line %u says '%s'; accepted: one of the two keys",
			  n->value, o->path, other->value_at.line, other->value);
		return true;
	}
	return false;
}

static void walk(const struct qnode *map, const char *section, const struct qnode **given,
		 struct qconfig *c, struct qdiags *d)
{
	const struct qnode *n;
	const struct qkey *k;
	char path[PATH_LEN];

	for (n = map->child; n; n = n->next) {
		if (snprintf(path, sizeof(path), "%s%s%s", section, section[0] ? "." : "",
			     n->key) >= (int)sizeof(path)) {
			qdiag_add(d, QDIAG_ERROR, n->at, section,
				  "a key of more than %d characters", PATH_LEN - 1);
			continue;
		}
		k = find_key(path);
		if (k) {
			if (!qvalue_is_null(n)) {
				if (is_contradicted(k, n, given, d))
					continue;
				given[k - qkeys] = n;
			}
			qvalue_read(k, n, c, d);
			c->where[k - qkeys] = n->value_at;
		} else if (qkey_is_known(path)) {
			continue;
		} else if (!strcmp(path, "security") && n->type == QNODE_MAP) {
			/* A warning for each of its keys. */
			walk(n, path, given, c, d);
		} else if (qkey_is_security(path)) {
			if (!says_no(n))
				qdiag_add(d, QDIAG_WARNING, n->at, path,
					  "not carried out: nothing is protected by it");
		} else if (qkey_is_section(path)) {
			if (n->type == QNODE_MAP)
				walk(n, path, given, c, d);
			else if (!says_no(n))
				qdiag_add(d, QDIAG_ERROR, n->value_at, path,
					  "%s found; accepted: a map of keys",
					  n->type == QNODE_SEQ ? "a list" : "a word");
		} else if (!strcmp(section, "gpu") || !strcmp(section, "resources.io")) {
			add_unknown(d, n, path, section);
		} else {
			qdiag_add(d, QDIAG_NOTE, n->at, path, "not a key of ours; passed over");
		}
	}
}

static struct qmark place(const struct qnode *root, const char *section, const char *key)
{
	const struct qnode *n = qtree_child(root, section);

	if (n && key)
		n = qtree_child(n, key);
	return n ? n->value_at : (struct qmark){ 0 };
}

static void note_places(const struct qnode *root, struct qconfig *c)
{
	const struct qnode *disk =
		qtree_child(qtree_child(qtree_child(root, "hardware"), "disk"), "primary");

	c->at.gpu = place(root, "gpu", NULL);
	c->at.access = place(root, "gpu", "access_mode");
	c->at.level = place(root, "gpu", "trust_level");
	c->at.net = place(root, "network", "mode");
	c->at.kernel = place(root, "boot", "kernel");
	c->at.initrd = place(root, "boot", "initrd");
	c->at.disk = disk ? place(disk, "path", NULL) : place(root, "storage", "disk_image");
}

/* Keys may narrow what the level allows, and never widen it. */
static void check_gpu(const struct qnode *root, const struct qconfig *c, struct qdiags *d)
{
	const struct qgpu_level *l = qgpu_level(c->level);
	const struct qnode *gpu = qtree_child(root, "gpu");

	if (c->vram_limit_mib > (int)l->vram_mib)
		qdiag_add(d, QDIAG_ERROR, qtree_child(gpu, "vram_limit_mb")->value_at,
			  "gpu.vram_limit_mb", "'%d' found; the level %s allows %u",
			  c->vram_limit_mib, l->name, l->vram_mib);
	if (c->compute_share > (int)l->compute_percent)
		qdiag_add(d, QDIAG_ERROR, qtree_child(gpu, "compute_share_percent")->value_at,
			  "gpu.compute_share_percent", "'%d' found; the level %s allows %u",
			  c->compute_share, l->name, l->compute_percent);
	if (c->allow_vulkan == 1 && l->vulkan == QWAMOS_GPU_VULKAN_NONE)
		qdiag_add(d, QDIAG_ERROR, qtree_child(gpu, "allow_vulkan")->value_at,
			  "gpu.allow_vulkan", "'true' found; the level %s allows no Vulkan",
			  l->name);
	if (c->allow_compute == 1 && !(l->ops & 1U << QWAMOS_GPU_OP_COMPUTE_SHADER))
		qdiag_add(d, QDIAG_ERROR, qtree_child(gpu, "allow_compute")->value_at,
			  "gpu.allow_compute", "'true' found; the level %s allows no compute",
			  l->name);
	if (c->gpu_enabled && c->access == QACCESS_PASSTHROUGH &&
	    !(l->ops & 1U << QWAMOS_GPU_OP_PASSTHROUGH))
		qdiag_add(d, QDIAG_WARNING, c->at.access, "gpu.access_mode",
			  "passthrough is not allowed at the level %s, only at system", l->name);
}

/* More CPUs than the machine can have: QEMU would say so, but only at the start. */
static void check_cores(const struct qconfig *c, struct qdiags *d)
{
	bool arm = c->machine == QMACHINE_VIRT;
	const char *key = "hardware.cpu.cores";
	int most = c->cores;

	if (!arm)
		most = Q35_CORES;
	else if (c->gic_version == 2)
		most = GIC2_CORES;
	if (c->cores <= most)
		return;
	if (!qconfig_where(c, key).line)
		key = "resources.cpus";
	qdiag_add(d, QDIAG_ERROR, qconfig_where(c, key), key,
		  "'%d' found; accepted%s: a whole number from 1 to %d", c->cores,
		  arm ? " with machine.gic_version 2" : " by the machine q35", most);
}

/* One port of one address; 0.0.0.0 is each of them. */
static bool same_port(const struct qconfig_nat *a, const struct qconfig_nat *b)
{
	const char *x = a->address ? a->address : "127.0.0.1";
	const char *y = b->address ? b->address : "127.0.0.1";

	return a->udp == b->udp && a->host_port == b->host_port &&
	       (!strcmp(x, y) || !strcmp(x, "0.0.0.0") || !strcmp(y, "0.0.0.0"));
}

/* Ports lead into a VM only where there is a way to it. */
static void check_net(const struct qconfig *c, struct qdiags *d)
{
	struct qmark at = qconfig_where(c, "network.nat_rules");
	size_t i, j;

	if (c->nat.n && c->net != QNET_NAT)
		qdiag_add(d, QDIAG_WARNING, at, "network.nat_rules",
			  "without effect: network.mode is not nat");
	if (c->bridge && c->net != QNET_BRIDGE && c->net != QNET_ISOLATED)
		qdiag_add(d, QDIAG_WARNING, qconfig_where(c, "network.bridge"), "network.bridge",
			  "without effect: network.mode is neither bridge nor isolated");
	if (c->net == QNET_BRIDGE && !c->bridge && !qdiags_count(d, QDIAG_ERROR))
		qdiag_add(d, QDIAG_ERROR, c->at.net, "network.bridge",
			  "missing: network.mode is bridge");
	for (i = 0; i < c->nat.n; i++)
		for (j = 0; j < i; j++)
			if (same_port(&c->nat.v[i], &c->nat.v[j]))
				qdiag_add(d, QDIAG_ERROR, c->nat.v[i].at, "network.nat_rules",
					  "'host_port: %d' found; line %u has that port already",
					  c->nat.v[i].host_port, c->nat.v[j].at.line);
}

bool qconfig_limits_io(const struct qconfig_io *io)
{
	return io->read_kib > 0 || io->write_kib > 0 || io->read_ops > 0 || io->write_ops > 0;
}

static void check_io(const struct qconfig *c, struct qdiags *d)
{
	static const char *const keys[] = { "resources.io.read_kib_s", "resources.io.write_kib_s",
					    "resources.io.read_ops_s", "resources.io.write_ops_s" };
	struct qmark at;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]) && !c->disk; i++) {
		at = qconfig_where(c, keys[i]);
		if (at.line)
			qdiag_add(d, QDIAG_WARNING, at, keys[i],
				  "without effect: the VM has no disk");
	}
}

static void begin(const char *file, struct qconfig *c, struct qdiags *d)
{
	defaults(c);
	memset(d, 0, sizeof(*d));
	d->file = qmem_strdup(file);
}

/* Tells an error whose text begins with the file, and maybe the place in it. */
static int add_error(const char *file, const struct qerr *err, struct qdiags *d)
{
	struct qmark at = { 0 };
	size_t len = strlen(file);
	const char *text = err->msg;
	int skip = 0;

	if (!strncmp(text, file, len) &&
	    sscanf(text + len, ":%u:%u: %n", &at.line, &at.col, &skip) >= 2 && skip)
		text += len + skip;
	else if (!strncmp(text, file, len) && !strncmp(text + len, ": ", 2))
		text += len + 2;
	qdiag_add(d, QDIAG_ERROR, at, "", "%s", text);
	return -EINVAL;
}

static void add_sha256(const char *text, size_t len, char hex[65])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	size_t i;

	sha256_init(&ctx);
	sha256_update(&ctx, len, (const uint8_t *)text);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

/* Frees @text. */
static int take_text(const char *file, char *text, size_t len, struct qconfig *c, struct qdiags *d)
{
	const struct qnode *given[QKEY_MAX] = { 0 };
	struct qnode *root;
	struct qerr err;
	int ret;

	add_sha256(text, len, c->sha256);
	ret = qtree_parse(file, text, len, &root, &err);
	free(text);
	if (ret)
		return add_error(file, &err, d);
	walk(root, "", given, c, d);
	note_places(root, c);
	c->gpu = qtree_child(root, "gpu");
	if (!c->name && !qdiags_count(d, QDIAG_ERROR))
		qdiag_add(d, QDIAG_ERROR, (struct qmark){ 0 }, "vm.name", "missing");
	check_cores(c, d);
	check_gpu(root, c, d);
	check_net(c, d);
	check_io(c, d);
	qtree_free(root);
	return qdiags_count(d, QDIAG_ERROR) ? -EINVAL : 0;
}

int qconfig_load(const char *file, struct qconfig *c, struct qdiags *d)
{
	struct qerr err;
	ssize_t len;
	char *text;

	begin(file, c, d);
	len = qfile_read_named(file, QTREE_MAX, &text, &err);
	return len < 0 ? add_error(file, &err, d) : take_text(file, text, len, c, d);
}

int qconfig_load_trusted(const char *file, struct qconfig *c, struct qdiags *d)
{
	struct qtrust t;
	struct qerr err;
	ssize_t len;
	char *text;
	int ret;

	begin(file, c, d);
	ret = qtrust_open(file, false, &t, &err);
	if (ret)
		return add_error(file, &err, d);
	if (t.writable)
		qdiag_add(
			d, QDIAG_ERROR, (struct qmark){ 0 }, "",
			"others may change it: %s; accepted: a config that, like each folder on "
			"the way to it, root or this user alone may change (chown root, chmod go-w)",
			t.writable);
	len = qfile_read_fd(t.fd, QTREE_MAX, &text);
	qtrust_free(&t);
	if (len == -EFBIG)
		qerr_set(&err, EFBIG, "more than 1 MiB; a file of that size is not accepted");
	else if (len < 0)
		qerr_set(&err, -len, "%s", qfile_strerror(-len));
	return len < 0 ? add_error(file, &err, d) : take_text(file, text, len, c, d);
}

struct qmark qconfig_where(const struct qconfig *c, const char *key)
{
	const struct qkey *k = find_key(key);

	return k && c->where ? c->where[k - qkeys] : (struct qmark){ 0 };
}

const char *qconfig_bridge(const struct qconfig *c)
{
	if (c->net_device && !strcmp(c->net_device, "none"))
		return NULL;
	return c->net == QNET_BRIDGE || c->net == QNET_ISOLATED ? c->bridge : NULL;
}

const char *qconfig_access_name(int access)
{
	static const char *const names[] = { "virtio", "passthrough", "software", "none" };

	return names[access];
}

void qconfig_note_writable(const char *file, struct qdiags *d)
{
	struct qtrust t;

	if (!qtrust_open(file, false, &t, NULL) && t.writable)
		qdiag_add(d, QDIAG_NOTE, (struct qmark){ 0 }, "",
			  "nothing is started with it: others may change it: %s", t.writable);
	qtrust_free(&t);
}

/* @block: it may be a block device. Others would be waited for, or have no end. */
static void check_file(const char *path, const char *key, bool block, struct qmark at,
		       enum qdiag_kind kind, struct qdiags *d)
{
	struct stat st;

	if (!path)
		return;
	if (access(path, R_OK) || stat(path, &st))
		qdiag_add(d, kind, at, key, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) && !(block && S_ISBLK(st.st_mode)))
		qdiag_add(d, kind, at, key, "%s is no regular file; accepted: a regular file%s",
			  path, block ? " or a block device" : "");
}

void qconfig_missing(const struct qconfig *c, enum qdiag_kind kind, struct qdiags *d)
{
	const char *disk = qconfig_where(c, "storage.disk_image").line
				   ? "storage.disk_image"
				   : "hardware.disk.primary.path";

	check_file(c->kernel, "boot.kernel", false, c->at.kernel, kind, d);
	check_file(c->initrd, "boot.initrd", false, c->at.initrd, kind, d);
	check_file(c->disk, disk, true, c->at.disk, kind, d);
}

static void free_list(struct qconfig_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i].text);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

void qconfig_free(struct qconfig *c)
{
	char **texts[] = { &c->name,   &c->type,	&c->description, &c->cpu_model,
			   &c->disk,   &c->disk_format, &c->disk_cache,	 &c->graphics,
			   &c->kernel, &c->initrd,	&c->cmdline,	 &c->net_device,
			   &c->mac,    &c->bridge };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
	free_list(&c->cpu_features);
	free_list(&c->devices);
	free_list(&c->extra_args);
	for (i = 0; i < c->nat.n; i++)
		free(c->nat.v[i].address);
	free(c->nat.v);
	c->nat = (struct qconfig_nats){ 0 };
	free(c->where);
	c->where = NULL;
}
