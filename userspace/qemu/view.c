// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/allowed.h"
#include "qemu/optlist.h"
#include "util/json.h"
#include "util/mem.h"

#define CHILD "child<"
/* More than that is not told: the first ones tell what has happened. */
#define TOLD 4

static struct qview_thing *add(struct qview_list *l, const char *id, const char *type)
{
	struct qview_thing *t = QMEM_GROW(l->v, l->n);

	t->id = qmem_strdup(id);
	t->type = qmem_strdup(type);
	return t;
}

static void drop(struct qview_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		free(l->v[i].id);
		free(l->v[i].type);
		free(l->v[i].host);
		free(l->v[i].bus);
	}
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

static const struct qview_thing *find(const struct qview_list *l, const char *id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].id, id))
			return &l->v[i];
	return NULL;
}

/* Ours are all on PCI, but for the guest's IOMMU. */
static bool is_pci(const char *driver)
{
	const struct qallowed *a = qallowed_device(driver);

	return a ? !a->no_pci : strcmp(driver, "intel-iommu") && strcmp(driver, "ramfb");
}

/* Its bus is called as it is. */
static bool is_bridge(const struct qview_thing *t)
{
	return !strcmp(t->type, "pcie-root-port") || !strcmp(t->type, "pcie-pci-bridge");
}

/* Is it on the PCI bus that the machine has by itself? */
static bool on_root_bus(const struct qview *v, const struct qview_thing *t)
{
	const struct qview_thing *bridge = t->bus ? find(&v->devices, t->bus) : NULL;

	return t->pci && !(bridge && is_bridge(bridge));
}

static void expect_device(struct qview *v, const char *value)
{
	const char *driver, *id;
	struct qview_thing *t;
	struct qopts o;

	/* What can't be read is missed in QEMU's answers, or found there and not expected. */
	if (qopts_parse(value, "driver", &o, NULL))
		goto out;
	driver = qopts_get(&o, "driver");
	id = qopts_get(&o, "id");
	if (!driver || !id)
		goto out;
	t = add(&v->devices, id, driver);
	t->pci = is_pci(driver);
	t->host = qmem_strdup(qopts_get(&o, "host"));
	t->bus = qmem_strdup(qopts_get(&o, "bus"));
out:
	qopts_free(&o);
}

/* @implied: key of the type; @before: what QEMU's name of the type begins with. */
static void expect_thing(struct qview_list *l, const char *value, const char *implied,
			 const char *before)
{
	const char *type, *id;
	struct qopts o;
	char *name;

	if (!qopts_parse(value, implied, &o, NULL)) {
		type = qopts_get(&o, implied);
		id = qopts_get(&o, "id");
		name = qmem_printf("%s%s", before, type ? type : "");
		if (id)
			add(l, id, name);
		free(name);
	}
	qopts_free(&o);
}

/* What the machines have by themselves; the guest's memory is an object. */
static void expect_machine(struct qview *v, int machine, bool usb, bool file)
{
	static const char *const q35[] = { "8086:29c0", "8086:2918", "8086:2922", "8086:2930" };
	static const char *const q35_usb[] = { "8086:2934", "8086:2935", "8086:2936", "8086:293a" };
	bool virt = machine == QMACHINE_VIRT;
	size_t i;

	add(&v->objects, virt ? "mach-virt.ram" : "pc.ram",
	    file ? "memory-backend-file" : "memory-backend-ram");
	if (virt)
		add(&v->machine, "1b36:0008", NULL);
	for (i = 0; !virt && i < sizeof(q35) / sizeof(q35[0]); i++)
		add(&v->machine, q35[i], NULL);
	for (i = 0; !virt && usb && i < sizeof(q35_usb) / sizeof(q35_usb[0]); i++)
		add(&v->machine, q35_usb[i], NULL);
}

void qview_expect(struct qview *v, int machine, const struct qemu_args *a)
{
	bool usb = false, file = false;
	size_t i;

	memset(v, 0, sizeof(*v));
	for (i = 1; i < a->n; i++) {
		const char *option = a->v[i], *value = i + 1 < a->n ? a->v[i + 1] : "";

		usb |= !strcmp(option, "-usb");
		file |= !strcmp(option, "-mem-path");
		if (!strcmp(option, "-device"))
			expect_device(v, value);
		else if (!strcmp(option, "-object"))
			expect_thing(&v->objects, value, "qom-type", "");
		else if (!strcmp(option, "-chardev"))
			expect_thing(&v->chardevs, value, "backend", "chardev-");
	}
	expect_machine(v, machine, usb, file);
}

static void wrong(struct qview *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct qview *v, const char *fmt, ...)
{
	char *old = v->wrong, *text;
	va_list ap;

	if (v->n_wrong++ >= TOLD)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = qmem_check(NULL);
	va_end(ap);
	v->wrong = qmem_printf("%s%s%s", old ? old : "", old ? "; " : "", text);
	free(old);
	free(text);
}

static const char *str(const struct json_object *o, const char *key)
{
	const char *s = qjson_get_str(o, key);

	return s ? s : "";
}

/* Whether QEMU's answer is at fault itself. */
static bool bad(struct qview *v, const struct json_object *ret, const char *error, const char *what)
{
	v->left--;
	if (json_object_is_type(ret, json_type_array))
		return false;
	wrong(v, "expected a list of its %s, found %s", what, error ? error : "something else");
	return true;
}

/*
 * What stands in a folder of QEMU's object tree. @alike: a type of which QEMU may make one by
 * itself, NULL: none
 */
static void compare(struct qview *v, const struct qview_list *l, const struct json_object *ret,
		    const char *what, const char *alike)
{
	size_t i, own = 0, *seen = qmem_calloc(l->n + 1, sizeof(*seen));

	for (i = 0; i < qjson_len(ret); i++) {
		const struct json_object *o = qjson_at(ret, i);
		const char *id = str(o, "name"), *type = str(o, "type");
		const struct qview_thing *t = find(l, id);
		int len = strlen(type);

		if (strncmp(type, CHILD, strlen(CHILD)))
			continue;
		type += strlen(CHILD);
		len -= strlen(CHILD) + 1;
		if (!t && alike && !strncmp(type, alike, strlen(alike)) && !own++)
			continue;
		if (t)
			seen[t - l->v]++;
		if (!t)
			wrong(v, "expected no %s '%s', found a %.*s", what, id, len, type);
		else if (t->type && ((int)strlen(t->type) != len || strncmp(t->type, type, len)))
			wrong(v, "expected the %s '%s' to be a %s, found a %.*s", what, id, t->type,
			      len, type);
	}
	for (i = 0; i < l->n; i++)
		if (seen[i] != 1)
			wrong(v, "expected a %s '%s', a %s, found %s", what, l->v[i].id,
			      l->v[i].type, seen[i] ? "several" : "none");
	free(seen);
}

static void take_devices(void *arg, struct json_object *ret, const char *error)
{
	struct qview *v = arg;

	if (!bad(v, ret, error, "devices"))
		compare(v, &v->devices, ret, "device", NULL);
}

static void take_unnamed(void *arg, struct json_object *ret, const char *error)
{
	static const struct qview_list none;
	struct qview *v = arg;

	if (!bad(v, ret, error, "devices without a name"))
		compare(v, &none, ret, "device", NULL);
}

static void take_objects(void *arg, struct json_object *ret, const char *error)
{
	struct qview *v = arg;

	/* Our monitor is one since QEMU 11. */
	if (!bad(v, ret, error, "objects"))
		compare(v, &v->objects, ret, "object", "monitor-qmp");
}

static void take_chardevs(void *arg, struct json_object *ret, const char *error)
{
	struct qview *v = arg;

	if (!bad(v, ret, error, "character devices"))
		compare(v, &v->chardevs, ret, "character device", NULL);
}

struct pci {
	struct qview *v;
	size_t *devices;
	size_t *machine;
};

static void take_function(struct pci *p, const struct json_object *o)
{
	const struct json_object *ids = qjson_get(o, "id");
	const char *id = str(o, "qdev_id");
	const struct qview_thing *t;
	struct qview *v = p->v;
	char *number;
	size_t i;

	number = qmem_printf("%04x:%04x", (unsigned int)qjson_get_int(ids, "vendor", 0),
			     (unsigned int)qjson_get_int(ids, "device", 0));
	t = id[0] ? find(&v->devices, id) : NULL;
	for (i = 0; !id[0] && i < v->machine.n; i++)
		if (!p->machine[i] && !strcmp(v->machine.v[i].id, number))
			break;
	if (t && t->pci)
		p->devices[t - v->devices.v]++;
	else if (!id[0] && i < v->machine.n)
		p->machine[i]++;
	else
		wrong(v, "expected no PCI device '%s', found %s at %02x:%02x.%x", id, number,
		      (unsigned int)qjson_get_int(o, "bus", 0),
		      (unsigned int)qjson_get_int(o, "slot", 0),
		      (unsigned int)qjson_get_int(o, "function", 0));
	free(number);
}

/* @depth: of bridges; the bus of one that has none behind it is not there. */
static void take_bus(struct pci *p, const struct json_object *devices, int depth)
{
	size_t i;

	for (i = 0; depth < 8 && i < qjson_len(devices); i++) {
		const struct json_object *o = qjson_at(devices, i);

		take_function(p, o);
		take_bus(p, qjson_get(qjson_get(o, "pci_bridge"), "devices"), depth + 1);
	}
}

static void take_pci(void *arg, struct json_object *ret, const char *error)
{
	struct qview *v = arg;
	struct pci p = { .v = v };
	size_t i;

	if (bad(v, ret, error, "PCI buses"))
		return;
	p.devices = qmem_calloc(v->devices.n + 1, sizeof(*p.devices));
	p.machine = qmem_calloc(v->machine.n + 1, sizeof(*p.machine));
	for (i = 0; i < qjson_len(ret); i++)
		take_bus(&p, qjson_get(qjson_at(ret, i), "devices"), 0);
	for (i = 0; i < v->devices.n; i++)
		if (on_root_bus(v, &v->devices.v[i]) && p.devices[i] != 1)
			wrong(v, "expected a PCI device '%s', a %s, found %s", v->devices.v[i].id,
			      v->devices.v[i].type, p.devices[i] ? "several" : "none");
	for (i = 0; i < v->machine.n; i++)
		if (!p.machine[i])
			wrong(v, "expected the machine's own PCI device %s, found none",
			      v->machine.v[i].id);
	free(p.devices);
	free(p.machine);
}

static void take_host(void *arg, struct json_object *ret, const char *error)
{
	const char *found = json_object_is_type(ret, json_type_string) ? json_object_get_string(ret)
								       : error;
	const struct qview_thing *t = arg;

	t->view->left--;
	if (!found || strcmp(found, t->host))
		wrong(t->view, "expected the device '%s' to be the host's %s, found %s", t->id,
		      t->host, found ? found : "something else");
}

/* What is behind a bridge: each is a link to a device, of which only the type is told. */
static void take_behind(void *arg, struct json_object *ret, const char *error)
{
	static const char link[] = "link<";
	const struct qview_thing *bridge = arg;
	struct qview *v = bridge->view;
	size_t i, j, *seen;

	if (bad(v, ret, error, "devices behind a bridge"))
		return;
	seen = qmem_calloc(v->devices.n + 1, sizeof(*seen));
	for (i = 0; i < qjson_len(ret); i++) {
		const struct json_object *o = qjson_at(ret, i);
		const char *type = str(o, "type");
		size_t len;

		if (strncmp(str(o, "name"), "child[", 6))
			continue;
		type += strncmp(type, link, strlen(link)) ? 0 : strlen(link);
		len = strcspn(type, ">");
		for (j = 0; j < v->devices.n; j++) {
			const struct qview_thing *t = &v->devices.v[j];

			if (!seen[j] && t->bus && !strcmp(t->bus, bridge->id) &&
			    strlen(t->type) == len && !memcmp(t->type, type, len))
				break;
		}
		if (j < v->devices.n)
			seen[j]++;
		else
			wrong(v, "expected no such device behind '%s', found a %.*s", bridge->id,
			      (int)len, type);
	}
	for (j = 0; j < v->devices.n; j++)
		if (v->devices.v[j].bus && !strcmp(v->devices.v[j].bus, bridge->id) && !seen[j])
			wrong(v, "expected '%s', a %s, behind '%s', found none", v->devices.v[j].id,
			      v->devices.v[j].type, bridge->id);
	free(seen);
}

/* @arg: of @fn; @path: of an object, NULL: none; @property: of it, NULL: none */
static int ask(struct qview *v, struct qmp *q, const char *command, const char *path,
	       const char *property, void (*fn)(void *, struct json_object *, const char *),
	       void *arg)
{
	struct json_object *args = path ? qjson_obj() : NULL;
	int ret;

	if (path)
		qjson_add_str(args, "path", path);
	if (property)
		qjson_add_str(args, "property", property);
	ret = qmp_ask(q, command, args, fn, arg);
	v->left += !ret;
	return ret;
}

/* What is asked of one device alone. */
static int ask_device(struct qview_thing *t, struct qmp *q)
{
	char *path;
	int ret = 0;

	if (t->host) {
		path = qmem_printf("/machine/peripheral/%s", t->id);
		ret = ask(t->view, q, "qom-get", path, "host", take_host, t);
		free(path);
	}
	if (!ret && is_bridge(t)) {
		path = qmem_printf("/machine/peripheral/%s/%s", t->id, t->id);
		ret = ask(t->view, q, "qom-list", path, NULL, take_behind, t);
		free(path);
	}
	return ret;
}

int qview_ask(struct qview *v, struct qmp *q)
{
	static const struct {
		const char *path;
		void (*fn)(void *arg, struct json_object *ret, const char *error);
	} lists[] = {
		{ "/machine/peripheral", take_devices },
		{ "/machine/peripheral-anon", take_unnamed },
		{ "/objects", take_objects },
		{ "/chardevs", take_chardevs },
	};
	int ret = 0;
	size_t i;

	v->asked = true;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]) && !ret; i++)
		ret = ask(v, q, "qom-list", lists[i].path, NULL, lists[i].fn, v);
	if (!ret)
		ret = ask(v, q, "query-pci", NULL, NULL, take_pci, v);
	for (i = 0; i < v->devices.n && !ret; i++) {
		v->devices.v[i].view = v;
		ret = ask_device(&v->devices.v[i], q);
	}
	return ret;
}

bool qview_done(const struct qview *v)
{
	return v->asked && !v->left;
}

void qview_free(struct qview *v)
{
	drop(&v->devices);
	drop(&v->objects);
	drop(&v->chardevs);
	drop(&v->machine);
	free(v->wrong);
	v->wrong = NULL;
}
