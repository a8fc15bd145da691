// SPDX-License-Identifier: GPL-2.0-only
/* The end of a VM, and what a supervisor that was killed has left. */
#include "vm/vm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vm/confine.h"
#include "vm/counts.h"
#include "vm/internal.h"
#include "vm/refused.h"

/* How long killing, closing, resetting and scrubbing may take, in ms. */
#define OVER_MS 90000
/* How long the processes of a cgroup may take to end, in ms. */
#define KILL_MS 10000
#define LOCK_MS 30000
/* How long the kernel may take to notice that the program has ended, in ms. */
#define LEADER_MS 1000

/* Is the VM still there, alive or ending? */
static bool vm_there(int ctl, uint64_t id)
{
	struct qwamos_gpu_vm *vms;
	bool there = false;
	size_t i, n;

	if (libqg_vm_list(ctl, &vms, &n, NULL))
		return true;
	for (i = 0; i < n; i++)
		there |= vms[i].vm_id == id;
	free(vms);
	return there;
}

static bool listed(const uint64_t *ids, size_t n, uint64_t id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* How many of the devices are still the VM's, or being reset. */
static size_t busy_devices(int ctl, uint64_t vm_id, const uint64_t *held, size_t n_held,
			   const struct qrecord *rec)
{
	struct qwamos_gpu_dev *devs;
	size_t i, j, n, busy = 0;

	if (libqg_dev_list(ctl, &devs, &n, NULL))
		return 1;
	for (i = 0; i < n; i++) {
		bool ours = listed(held, n_held, devs[i].device_id) ||
			    (vm_id && devs[i].owner_vm_id == vm_id);

		for (j = 0; !held && j < rec->n_bound; j++)
			ours |= !strcmp(rec->bound[j], devs[i].bus_name);
		if (ours && ((vm_id && devs[i].owner_vm_id == vm_id) ||
			     devs[i].state == QWAMOS_GPU_DEV_STATE_RESETTING))
			busy++;
	}
	free(devs);
	return busy;
}

static void tell_quarantine(int ctl, const uint64_t *held, size_t n_held, const struct qvm_opts *o)
{
	struct qwamos_gpu_dev *devs;
	size_t i, n;

	if (!n_held || libqg_dev_list(ctl, &devs, &n, NULL))
		return;
	for (i = 0; i < n; i++)
		if (listed(held, n_held, devs[i].device_id) &&
		    devs[i].state == QWAMOS_GPU_DEV_STATE_QUARANTINED)
			qvm_say(o, "%s is in quarantine: %s", devs[i].bus_name,
				libqg_reason_text(devs[i].quarantine_reason));
	free(devs);
}

/* Waits until the kernel has ended the VM and is done with its devices. */
static int wait_over(int ctl, const struct qrecord *rec, const uint64_t *held, size_t n_held,
		     struct qerr *e)
{
	int64_t until = qvm_now_ms() + OVER_MS;
	int wait = 1;
	struct pollfd p = { .fd = ctl, .events = POLLIN };

	while ((rec->vm_id && vm_there(ctl, rec->vm_id)) ||
	       busy_devices(ctl, rec->vm_id, held, n_held, rec)) {
		if (qvm_now_ms() > until)
			return qerr_set(
				e, ETIMEDOUT,
				"VM %s did not end within %d s: see qwamos-gpu vm list, qwamos-vfio status",
				rec->name, OVER_MS / 1000);
		/* The end of a VM without devices wakes nobody; mostly it takes moments. */
		poll(&p, 1, wait);
		wait = wait < 16 ? 2 * wait : 20;
	}
	return 0;
}

static int unbind(const struct qrecord *rec, const struct qvm_opts *o, struct qerr *e)
{
	struct qvfio_opts vo = { .flags = QVFIO_F_YES | QVFIO_F_KEEP_PERSIST,
				 .lock_wait_ms = LOCK_MS };
	struct qvfio_result r;
	const char **addrs;
	int ret = 0;
	size_t i;

	if (!rec->n_bound)
		return 0;
	addrs = qmem_calloc(rec->n_bound, sizeof(*addrs));
	for (i = 0; i < rec->n_bound; i++)
		addrs[i] = rec->bound[i];
	if (qvfio_unbind(addrs, rec->n_bound, &vo, &r) != QVFIO_OK) {
		qerr_join(&r.err);
		ret = qerr_set(e, EIO,
			       "what was bound for VM %s can't be given back to its driver: %s",
			       rec->name, r.err.msg);
	} else {
		for (i = 0; i < r.n_changed; i++)
			qvm_say(o, "%s goes back to its driver", r.changed[i]);
	}
	qvfio_result_free(&r);
	free(addrs);
	return ret;
}

int qvm_put_back(int ctl, struct qrecord *rec, const uint64_t *held, size_t n_held,
		 struct qsuper *super, const struct qvm_opts *o, struct qerr *e)
{
	int ret = 0;

	if (ctl >= 0)
		ret = wait_over(ctl, rec, held, n_held, e);
	/* Whoever stands in the cgroups is killed now. */
	if (!ret && super)
		ret = qsuper_leave(super, e);
	if (!ret && rec->cgroup[0])
		ret = qcgroup_remove(rec->cgroup, KILL_MS, e);
	if (!ret)
		ret = unbind(rec, o, e);
	if (!ret) {
		qvm_refused_remove(rec->name);
		qcounts_remove(rec->name);
		qrecord_remove(rec);
	}
	return ret;
}

int qvm_end(struct qvm *vm, struct qerr *e)
{
	int ret = 0;

	if (vm->use >= 0)
		close(vm->use);
	if (vm->manage >= 0) {
		struct pollfd p = { .fd = vm->manage };

		/*
		 * Asked first, for a refused call would stand in the audit log. If this fails, the
		 * close ends the VM. Once its program has ended, the kernel ends it within moments.
		 */
		if (poll(&p, 1, vm->pidfd >= 0 && !vm->pid ? LEADER_MS : 0) != 1)
			libqg_vm_destroy(vm->manage, NULL);
		close(vm->manage);
	}
	qcgroup_close(&vm->cg);
	if (vm->rec.fd >= 0) {
		const uint64_t none = 0;

		ret = qvm_put_back(vm->ctl, &vm->rec, vm->held ? vm->held : &none, vm->n_held,
				   &vm->super, &vm->opts, e);
		tell_quarantine(vm->ctl, vm->held, vm->n_held, &vm->opts);
		qrecord_drop(&vm->rec);
	}
	if (vm->pidfd >= 0)
		close(vm->pidfd);
	if (vm->ctl >= 0)
		close(vm->ctl);
	qsandbox_refused_free(&vm->calls);
	free(vm->held);
	vm->held = NULL;
	vm->n_held = 0;
	vm->ctl = vm->manage = vm->use = vm->pidfd = -1;
	return ret;
}

/*
 * Ends the VM of that id if it is still alive: its supervisor was killed, but somebody may hold its
 * manage fd open.
 */
static void destroy_left(int ctl, const struct qrecord *r)
{
	struct qwamos_gpu_vm *vms;
	size_t i, n;
	int fd;

	if (!r->vm_id || libqg_vm_list(ctl, &vms, &n, NULL))
		return;
	for (i = 0; i < n; i++) {
		if (vms[i].vm_id != r->vm_id || strcmp(vms[i].name, r->name))
			continue;
		fd = libqg_vm_open(ctl, r->vm_id, NULL, QWAMOS_GPU_RIGHT_MANAGE, NULL);
		if (fd >= 0) {
			libqg_vm_destroy(fd, NULL);
			close(fd);
		}
	}
	free(vms);
}

/* The module may have been loaded anew since: then the id is another VM's, or nobody's. */
static void forget_foreign_id(int ctl, struct qrecord *r)
{
	struct qwamos_gpu_vm *vms;
	size_t i, n;

	if (libqg_vm_list(ctl, &vms, &n, NULL))
		return;
	for (i = 0; i < n; i++)
		if (vms[i].vm_id == r->vm_id && strcmp(vms[i].name, r->name))
			r->vm_id = 0;
	free(vms);
}

/* Does the kernel have a VM of that name, alive or ending? */
static bool has_namesake(int ctl, const char *name)
{
	struct qwamos_gpu_vm *vms;
	bool there = false;
	size_t i, n;

	if (libqg_vm_list(ctl, &vms, &n, NULL))
		return true;
	for (i = 0; i < n; i++)
		there |= !strcmp(vms[i].name, name);
	free(vms);
	return there;
}

/*
 * A record that can't be read tells neither a VM's number nor what was bound for it. Its cgroup is
 * known by its name, and is put back, but only if no VM of that name lives.
 */
static void mend_damaged(int ctl, const struct qrecord *r, const struct qvm_opts *o)
{
	char path[PATH_MAX], cgroup[PATH_MAX];
	struct qerr err;
	int ret = 0;

	if (ctl >= 0 && has_namesake(ctl, r->name)) {
		qvm_say(o,
			"the record of VM %s is damaged (%s), and a VM of that name lives: it is left alone (qwamos-gpu vm list)",
			r->name, r->damage);
		return;
	}
	if (!qcgroup_path(r->name, cgroup, NULL) && !access(cgroup, F_OK))
		ret = qcgroup_remove(cgroup, KILL_MS, &err);
	if (!ret)
		ret = qrecord_set_aside(r->name, path, &err);
	if (ret)
		qvm_say(o, "the record of VM %s is damaged (%s): %s", r->name, r->damage, err.msg);
	else
		qvm_say(o,
			"the record of VM %s was damaged (%s): it is set aside as %s; what was bound for that VM stays bound: qwamos-vfio list",
			r->name, r->damage, path);
}

void qvm_mend(int ctl, void (*say)(void *arg, const char *line), void *say_arg)
{
	const struct qvm_opts o = { .say = say, .say_arg = say_arg };
	struct qrecord *recs, r;
	struct qerr err;
	size_t i, n;
	int ret;

	qconfine_mend_tmp();
	if (qrecord_list(&recs, &n, NULL))
		return;
	for (i = 0; i < n; i++) {
		if (qrecord_alive(&recs[i]))
			continue;
		/* Somebody else may be at it by now; and an empty one has nothing to put back. */
		ret = qrecord_take(recs[i].name, &r, NULL);
		if (ret == -EBADMSG)
			mend_damaged(ctl, &recs[i], &o);
		if (ret < 0)
			continue;
		if (r.damage[0]) {
			mend_damaged(ctl, &r, &o);
			qrecord_drop(&r);
			continue;
		}
		qvm_say(&o, "putting back what VM %s has left", r.name);
		if (ctl >= 0) {
			forget_foreign_id(ctl, &r);
			destroy_left(ctl, &r);
		}
		qerr_clear(&err);
		if (qvm_put_back(ctl, &r, NULL, 0, NULL, &o, &err))
			qvm_say(&o, "%s", err.msg);
		qrecord_drop(&r);
	}
	qrecord_list_free(recs, n);
}
