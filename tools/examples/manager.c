// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM manager in one page: makes a VM with a policy, starts its VM monitor, waits until the VM is
 * over, and tells what was refused to it. Needs root, and cgroup v2 at /sys/fs/cgroup.
 *
 *   manager NAME LEVEL VRAM_MIB VMM [ARG]...
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libqwamos-gpu.h>

static int fail(const char *what, int err, __u32 reason)
{
	fprintf(stderr, "manager: %s: %s\n", what,
		reason ? libqg_reason_text(reason) : strerror(-err));
	return 1;
}

/*
 * In the new process: into the VM's cgroup, then VM_JOIN, which makes it the VM's process, then
 * exec. All fds of the manager are close-on-exec; of the VM it keeps the use fd alone.
 */
static int be_vmm(const char *cgroup, int use_fd, char **argv)
{
	char path[300], number[16];
	__u32 reason = 0;
	int fd, ret;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return fail(path, -errno, 0);
	ret = libqg_vm_join(use_fd, &reason);
	if (ret)
		return fail("VM_JOIN", ret, reason);
	fcntl(use_fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", use_fd);
	setenv("QWAMOS_GPU_VM_FD", number, 1);
	execvp(argv[0], argv);
	return fail(argv[0], -errno, 0);
}

/* What the VM's own chain of the audit log says. */
static void tell_log(int ctl, __u64 vm_id)
{
	struct qwamos_gpu_audit_read req = { .hdr.flags = QWAMOS_GPU_AUDIT_F_CHAIN,
					     .chain = vm_id,
					     .count = 1000 };
	struct qwamos_gpu_audit_record *recs;
	__u32 reason = 0, i;
	int ret;

	ret = libqg_audit_read(ctl, &req, &recs, &reason);
	if (ret) {
		fail("AUDIT_READ", ret, reason);
		return;
	}
	for (i = 0; i < req.count; i++)
		if (recs[i].reason)
			printf("manager: %s %s: %s (%llu times)\n", libqg_event_name(recs[i].event),
			       libqg_op_name(recs[i].operation), libqg_reason_name(recs[i].reason),
			       recs[i].count);
	free(recs);
}

/* Makes the policy, starts the VMM, and waits for its end. Return: its status. */
static int run(int ctl, const char *cgroup, int cgroup_fd, char **argv)
{
	struct qwamos_gpu_vm_set_policy policy = {
		.mask = QWAMOS_GPU_POLICY_LEVEL | QWAMOS_GPU_POLICY_VRAM,
		.level = libqg_level_from_name(argv[2]),
		.vram_limit = strtoull(argv[3], NULL, 10) << 20,
	};
	int manage = -1, use = -1, ret, status = 0;
	struct pollfd over;
	__u32 reason = 0;
	__u64 id = 0;
	pid_t pid;

	ret = libqg_vm_create(ctl, argv[1], cgroup_fd, QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE, &manage,
			      &use, &id, &reason);
	if (ret)
		return fail("VM_CREATE", ret, reason);
	ret = libqg_vm_set_policy(manage, &policy, &reason);
	if (ret && reason == QWAMOS_GPU_REASON_QUOTA)
		fprintf(stderr, "manager: at most %llu MiB are allowed\n", policy.out_limit >> 20);
	if (ret)
		return fail("VM_SET_POLICY", ret, reason);
	pid = fork();
	if (!pid)
		_exit(be_vmm(cgroup, use, argv + 4));
	/* Else the manager's own would keep the VM alive. */
	close(use);
	/* The kernel ends the VM when its process ends, and kills what is left in its cgroup. */
	over = (struct pollfd){ .fd = manage };
	if (pid > 0)
		while (poll(&over, 1, -1) < 0 && errno == EINTR)
			;
	close(manage);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("fork", -errno, 0);
	tell_log(ctl, id);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	int ctl, cgroup_fd, tries, ret;
	char cgroup[256];

	if (argc < 5 || libqg_level_from_name(argv[2]) < 0) {
		fputs("usage: manager NAME LEVEL VRAM_MIB VMM [ARG]...\n", stderr);
		return 2;
	}
	ctl = libqg_open();
	if (ctl < 0)
		return fail(QWAMOS_GPU_DEVICE, ctl, 0);
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/example-%s", argv[1]);
	if (mkdir(cgroup, 0755))
		return fail(cgroup, -errno, 0);
	cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = run(ctl, cgroup, cgroup_fd, argv);
	/* What the kernel has killed is gone in a moment. */
	for (tries = 0; rmdir(cgroup) && errno == EBUSY && tries < 500; tries++)
		poll(NULL, 0, 10);
	close(cgroup_fd);
	close(ctl);
	return ret;
}
