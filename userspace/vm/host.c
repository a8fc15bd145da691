// SPDX-License-Identifier: GPL-2.0-only
#include "vm/host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/kvm.h>

#include "kmod/policy.h"
#include "util/mem.h"
#include "vm/pick.h"

/* Firmware for the machine virt, as Debian has it. */
static const char *const firmwares[] = { "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd",
					 "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd" };

/* Why KVM can't run a guest of this machine, or NULL. */
static const char *no_kvm(const struct qconfig *c)
{
	const char *why = NULL;
	struct utsname host;
	int fd, vm;

	if (uname(&host) ||
	    strcmp(host.machine, c->machine == QMACHINE_VIRT ? "aarch64" : "x86_64"))
		return "this computer has another architecture";
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? "there is no /dev/kvm" : "/dev/kvm can't be opened";
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		why = "/dev/kvm has another version";
	vm = why ? -1 : ioctl(fd, KVM_CREATE_VM, 0);
	if (!why && vm < 0)
		why = "/dev/kvm makes no VM";
	if (vm >= 0)
		close(vm);
	close(fd);
	return why;
}

/* Does a guest of this machine run with it? Who has no QEMU is told so elsewhere. */
static const char *kvm_fails(const struct qconfig *c, char *buf, size_t len)
{
	bool arm = c->machine == QMACHINE_VIRT;
	const char *cpu = c->cpu_model && !arm ? c->cpu_model : "host";
	struct qerr err;
	char *path;

	if (qemu_find(qemu_program(c), &path))
		return NULL;
	if (!qemu_kvm_try(path, arm ? "virt" : "q35", cpu, &err))
		buf[0] = '\0';
	else
		snprintf(buf, len, "it does not run a guest: %s", err.msg);
	free(path);
	return buf[0] ? buf : NULL;
}

/* Opened, for a node may stand there without its module. */
static bool has_vhost_net(void)
{
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool has_vulkan(void)
{
	glob_t found;
	bool any;

	glob("/usr/share/vulkan/icd.d/*.json", 0, NULL, &found);
	glob("/etc/vulkan/icd.d/*.json", GLOB_APPEND, NULL, &found);
	any = found.gl_pathc > 0;
	globfree(&found);
	return any;
}

/* By its name; where two begin alike, by their rest as well. */
static void name_tap(const char *name, char tap[16])
{
	uint32_t hash = 0x811c9dc5;
	const char *p;

	if (strlen(name) <= 12) {
		snprintf(tap, 16, "qw-%s", name);
		return;
	}
	for (p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x01000193;
	snprintf(tap, 16, "qw-%.6s%06x", name, hash & 0xffffff);
}

/* The devices that are to be passed through, with all of their groups. */
static int find_devices(const struct qconfig *c, struct qvm_host *host, struct qerr *e)
{
	const struct qconfig_list *l = &c->devices;
	struct qpci_list pci;
	size_t i, n = 0;
	int ret;

	host->asked = qmem_calloc(l->n + 1, sizeof(*host->asked));
	for (i = 0; i < l->n; i++)
		host->asked[i] = l->v[i].text;
	host->n_asked = l->n;
	if (!l->n) {
		ret = qvm_pick_gpu(host->picked, e);
		if (ret == -ENODEV) {
			host->h.no_passthrough_reason = QWAMOS_GPU_REASON_NO_DEVICE;
			host->h.no_passthrough =
				"there is no free GPU in an IOMMU group that is neither boot VGA nor console";
			return 0;
		}
		if (ret)
			return ret;
		host->asked[0] = host->picked;
		host->n_asked = 1;
	}
	ret = qvm_endpoints(host->asked, host->n_asked, &host->endpoints, &n,
			    &host->h.devices_together, e);
	if (ret)
		return ret;
	host->addrs = qmem_calloc(n + 1, sizeof(*host->addrs));
	for (i = 0; i < n; i++)
		host->addrs[i] = host->endpoints[i];
	host->h.devices = host->addrs;
	host->h.n_devices = n;
	ret = qpci_gather("/sys", NULL, 0, &pci, e);
	if (ret)
		return ret;
	if (!pci.iommu) {
		host->h.no_passthrough_reason = QWAMOS_GPU_REASON_NO_IOMMU;
		host->h.no_passthrough = "this computer has no IOMMU, or it is switched off";
	}
	qpci_list_free(&pci);
	return 0;
}

/* A render node to which it may have a gate; also for what falls back to virtio. */
static void find_render(const struct qconfig *c, struct qvm_host *host)
{
	const struct qconfig_list *l = &c->devices;
	bool named = c->access == QACCESS_VIRTIO && l->n;
	struct qerr e;

	if (!c->gpu || !c->gpu_enabled ||
	    (c->access != QACCESS_VIRTIO && c->access != QACCESS_PASSTHROUGH) ||
	    qgpu_policy_check(c->level, QWAMOS_GPU_OP_RENDERING_3D))
		return;
	if (qvm_render_find("/sys", named ? l->v[0].text : NULL, &host->render, &e) ||
	    (named && !qvm_render_draws(&host->render) &&
	     qerr_set(&e, ENODEV, "%s does not draw in 3D", l->v[0].text))) {
		snprintf(host->no_render, sizeof(host->no_render), "%s", e.msg);
		host->h.no_render = host->no_render;
		return;
	}
	host->h.render_node = host->render.path;
	host->h.gated = true;
}

int qvm_host_gather(const struct qconfig *c, struct qvm_host *host, struct qerr *e)
{
	struct qemu_host *h = &host->h;
	size_t i;

	memset(host, 0, sizeof(*host));
	h->qmp_fd = -1;
	h->no_kvm = c->accel == QACCEL_TCG ? "the config says tcg" : no_kvm(c);
	if (!h->no_kvm)
		h->no_kvm = kvm_fails(c, host->why, sizeof(host->why));
	/* A VM without a GPU is not asked about it, and two folders are not read. */
	if (c->gpu && c->gpu_enabled && !has_vulkan())
		h->no_vulkan = "no Vulkan driver is installed";
	h->vhost_net = qconfig_bridge(c) && has_vhost_net();
	h->iommufd = !access("/dev/iommu", R_OK | W_OK) && !access("/dev/vfio/devices", X_OK);
	for (i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]) && !h->firmware; i++)
		if (!access(firmwares[i], R_OK))
			h->firmware = firmwares[i];
	name_tap(c->name, host->tap);
	h->tap = host->tap;
	find_render(c, host);
	/* What the level does not allow need not be found. */
	if (!c->gpu || !c->gpu_enabled || c->access != QACCESS_PASSTHROUGH ||
	    qgpu_policy_check(c->level, QWAMOS_GPU_OP_PASSTHROUGH))
		return 0;
	return find_devices(c, host, e);
}

/* By sysfs, not by DRM's major: a gate has another one, and the minor of the node behind it. */
int qvm_render_node(const char *path, struct qerr *e)
{
	struct stat st;
	char *sysfs;
	bool is;

	if (stat(path, &st))
		return qerr_sys(e, errno, "%s", path);
	sysfs = qmem_printf("/sys/dev/char/%u:%u/device/drm/renderD%u", major(st.st_rdev),
			    minor(st.st_rdev), minor(st.st_rdev));
	is = S_ISCHR(st.st_mode) && !access(sysfs, F_OK);
	free(sysfs);
	if (!is)
		return qerr_set(e, ENODEV,
				"%s: no render node of a GPU, such as /dev/dri/renderD128", path);
	return 0;
}

void qvm_host_free(struct qvm_host *host)
{
	free(host->asked);
	free(host->endpoints);
	free(host->addrs);
	memset(host, 0, sizeof(*host));
}
