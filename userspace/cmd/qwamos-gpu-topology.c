// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu topology */
#include <string.h>

#include "cmd/qwamos-gpu.h"
#include "cmd/topology_draw.h"
#include "detect/pci.h"
#include "util/json.h"
#include "vfio/vfio.h"

static const char *name_of(const struct json_object *d)
{
	const char *address = qjson_get_str(d, "address");

	return address ? address : qjson_get_str(d, "name");
}

/* Others of @list, which are not @name. */
static struct json_object *without(const struct json_object *list, const char *name)
{
	struct json_object *out = qjson_arr();
	const char *other;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		other = json_object_get_string(qjson_at(list, i));
		if (strcmp(other, name))
			qjson_push_str(out, other);
	}
	return out;
}

/* Functions of its slot that are no members of its group: these are seen beside it anyway. */
static struct json_object *companions(const struct json_object *devs, const struct json_object *d)
{
	struct json_object *out = qjson_arr();
	const struct json_object *other;
	const char *name = name_of(d);
	size_t i;

	for (i = 0; i < qjson_len(devs); i++) {
		other = qjson_at(devs, i);
		if (other == d || !qjson_get_str(other, "address") ||
		    qjson_get_bool(other, "vf", false) || qjson_get_bool(d, "vf", false) ||
		    !qpci_same_slot(name, name_of(other)))
			continue;
		if (!qjson_get(d, "iommu_group") ||
		    qjson_get_int(d, "iommu_group", -1) != qjson_get_int(other, "iommu_group", -1))
			qjson_push_str(out, name_of(other));
	}
	return out;
}

static struct json_object *new_device(const struct json_object *devs, struct json_object *d)
{
	static const char *const keys[] = { "kind",	"driver", "boot_vga",
					    "console",	"viable", "state",
					    "owner_vm", "bound",  "reset_methods" };
	struct json_object *o = qjson_obj();
	const char *model = qjson_get_str(d, "device_name");
	size_t i;

	qjson_add_str(o, "name", name_of(d));
	if (model || qjson_get_str(d, "compatible"))
		qjson_add_str(o, "model", model ? model : qjson_get_str(d, "compatible"));
	else
		qjson_add_fmt(o, "model", "%s:%s", qjson_get_str(d, "vendor"),
			      qjson_get_str(d, "device"));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		qjson_add(o, keys[i], json_object_get(qjson_get(d, keys[i])));
	qjson_add(o, "reset_with",
		  qjson_get(d, "reset_set") ? without(qjson_get(d, "reset_set"), name_of(d))
					    : NULL);
	qjson_add(o, "companions", companions(devs, d));
	return o;
}

static struct json_object *find_group(struct json_object *groups, int64_t number)
{
	size_t i;

	for (i = 0; i < qjson_len(groups); i++)
		if (qjson_get_int(qjson_at(groups, i), "group", -1) == number)
			return qjson_at(groups, i);
	return NULL;
}

/* The group that @d belongs to, with the bridges in it, which have no entry of their own. */
static struct json_object *group_of(struct json_object *groups, const struct json_object *d)
{
	const struct json_object *members = qjson_get(d, "group_members"), *m;
	int64_t number = qjson_get_int(d, "iommu_group", -1);
	struct json_object *g = find_group(groups, number), *list, *o;
	size_t i;

	if (g)
		return g;
	g = qjson_push(groups, qjson_obj());
	qjson_add(g, "group", json_object_get(qjson_get(d, "iommu_group")));
	qjson_add_bool(g, "viable", true);
	list = qjson_add(g, "devices", qjson_arr());
	for (i = 0; i < qjson_len(members); i++) {
		m = qjson_at(members, i);
		if (strcmp(qjson_get_str(m, "kind"), "bridge"))
			continue;
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "name", qjson_get_str(m, "address"));
		qjson_add_str(o, "kind", "bridge");
		qjson_add_str(o, "driver", qjson_get_str(m, "driver"));
	}
	return g;
}

static void add_vm(struct json_object *vms, const struct json_object *d)
{
	const struct json_object *owner = qjson_get(d, "owner_vm");
	int64_t id = qjson_get_int(owner, "id", 0);
	struct json_object *vm = NULL;
	size_t i;

	if (!owner)
		return;
	for (i = 0; i < qjson_len(vms) && !vm; i++)
		if (qjson_get_int(qjson_at(vms, i), "id", 0) == id)
			vm = qjson_at(vms, i);
	if (!vm) {
		vm = qjson_push(vms, qjson_obj());
		qjson_add_int(vm, "id", id);
		qjson_add_str(vm, "name", qjson_get_str(owner, "name"));
		qjson_add(vm, "devices", qjson_arr());
	}
	qjson_push_str(qjson_get(vm, "devices"), name_of(d));
}

/* Devices by group, in the order of the list, which is that of addresses. */
static struct json_object *arrange(struct json_object *list)
{
	struct json_object *devs = qjson_get(list, "devices"), *doc = qjson_obj(), *groups, *vms,
			   *g;
	size_t i;

	qjson_add(doc, "iommu", json_object_get(qjson_get(list, "iommu")));
	qjson_add(doc, "module", json_object_get(qjson_get(list, "module")));
	groups = qjson_add(doc, "groups", qjson_arr());
	vms = qjson_add(doc, "vms", qjson_arr());
	for (i = 0; i < qjson_len(devs); i++) {
		g = group_of(groups, qjson_at(devs, i));
		/* Of a companion it says nothing that its GPU is on a driver. */
		if (!strcmp(qjson_get_str(qjson_at(devs, i), "kind"), "gpu") &&
		    !qjson_get_bool(qjson_at(devs, i), "viable", true))
			qjson_add_bool(g, "viable", false);
		qjson_push(qjson_get(g, "devices"), new_device(devs, qjson_at(devs, i)));
		add_vm(vms, qjson_at(devs, i));
	}
	return doc;
}

static const char usage[] =
	"topology [--dot|--json]\n"
	"Shows GPUs and their companions by IOMMU group, with what is reset together, the drivers\n"
	"they are on, and the VMs that have them.\n"
	"  --dot   as a graph for Graphviz: qwamos-gpu topology --dot | dot -Tsvg >FILE.svg\n"
	"  --json  as JSON";

int gpu_topology(int argc, char **argv)
{
	struct {
		bool json, dot;
	} o = { 0 };
	static const struct cmd_opt opts[] = {
		CMD_JSON(typeof(o), json),
		{ .name = "dot", .kind = CMD_FLAG, .at = offsetof(typeof(o), dot) },
		{ 0 },
	};
	const struct cmd_line line = { .command = "topology", .usage = usage, .opts = opts };
	const struct qvfio_opts how = { .flags = QVFIO_F_NAMES };
	struct json_object *list, *doc;
	struct qerr e;
	int at;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	if (o.json && o.dot)
		return cmd_wrong(&line, "takes --dot or --json, not both");
	if (qvfio_list(&how, &list, &e)) {
		cmd_complain(e.msg);
		return EXIT_FAILED;
	}
	doc = arrange(list);
	json_object_put(list);
	return cmd_print(doc, o.json, o.dot ? topology_dot : topology_tree);
}
