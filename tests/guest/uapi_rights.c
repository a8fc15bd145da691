// SPDX-License-Identifier: GPL-2.0-only
/* Who may call what: a use fd stays one, a VM's processes manage no VM whatever their capabilities,
 * and nobody manages without CAP_SYS_ADMIN. */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define NOBODY 65534

/* What an actor is told to call; the reason comes back in shared memory. */
enum call {
	CREATE,
	OPEN_USE,
	OPEN_MANAGE,
	LIST_VMS,
	RELEASE,
	AUDIT,
	AUDIT_HEAD,
	MANAGEMENT, /* these need the control fd and the right to manage */
	SET_POLICY = MANAGEMENT,
	ATTACH,
	DETACH,
	DESTROY,
	M_INFO,
	M_AUDIT,
	M_HEAD,
	USES, /* a manage fd */
	U_INFO = USES,
	NEW_USE,
	U_AUDIT,
	U_HEAD,
	GET_INFO,
	LIST_DEVICES,
	CALLS
};

static const char *const names[CALLS] = {
	"CREATE",
	"OPEN use",
	"OPEN manage",
	"LIST_VMS",
	"RELEASE",
	"AUDIT_READ on the control fd",
	"AUDIT_HEAD on the control fd",
	"SET_POLICY",
	"ATTACH",
	"DETACH",
	"DESTROY",
	"VM_INFO on a manage fd",
	"AUDIT_READ on a manage fd",
	"AUDIT_HEAD on a manage fd",
	"VM_INFO on a use fd",
	"NEW_USE",
	"AUDIT_READ on a use fd",
	"AUDIT_HEAD on a use fd",
	"GET_INFO",
	"LIST_DEVICES",
};

struct shared {
	__u32 reason;
	__u64 vm_id;
	__u64 device_id;
};

static int audit_head(int fd, __u64 chain)
{
	struct qwamos_gpu_audit_head h = { .hdr = QT_HDR(h, 0), .chain = chain };

	return qt_call(fd, QWAMOS_GPU_AUDIT_HEAD, &h, sizeof(h), QT_NONE);
}

static long do_call(long call, long fd, void *data)
{
	static struct qwamos_gpu_audit_record recs[64];
	static struct qwamos_gpu_dev devices[64];
	static struct qwamos_gpu_vm vms[64];
	struct qwamos_gpu_get_info info;
	struct qwamos_gpu_vm_create c;
	struct shared *s = data;
	long ret = -ENOSYS;

	switch ((enum call)call) {
	case CREATE:
		ret = qt_create(fd, "by-a-member", -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c);
		break;
	case OPEN_USE:
		ret = qt_open_vm(fd, s->vm_id, NULL, QWAMOS_GPU_RIGHT_USE);
		break;
	case OPEN_MANAGE:
		ret = qt_open_vm(fd, s->vm_id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
		break;
	case LIST_VMS:
		ret = qt_list_vms(fd, vms, 64);
		break;
	case RELEASE:
		ret = qt_release(fd, s->device_id,
				 QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS);
		break;
	case AUDIT:
	case M_AUDIT:
	case U_AUDIT:
		ret = qt_audit_read(fd, 0, recs, 64);
		break;
	case AUDIT_HEAD:
		ret = audit_head(fd, 0);
		break;
	case M_HEAD:
		ret = audit_head(fd, s->vm_id);
		break;
	case U_HEAD:
		ret = qt_vm_info(fd, vms);
		ret = ret ? ret : audit_head(fd, vms[0].vm_id);
		break;
	case SET_POLICY:
		ret = qt_set_level(fd, QWAMOS_GPU_LEVEL_SYSTEM);
		break;
	case ATTACH:
		ret = qt_attach(fd, s->device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL);
		break;
	case DETACH:
		ret = qt_detach(fd, s->device_id, QWAMOS_GPU_DEV_DETACH_F_KILL);
		break;
	case DESTROY:
		ret = qt_destroy(fd);
		break;
	case M_INFO:
	case U_INFO:
		ret = qt_vm_info(fd, vms);
		break;
	case NEW_USE:
		ret = qt_new_use(fd);
		break;
	case GET_INFO:
		ret = qt_get_info(fd, &info);
		break;
	case LIST_DEVICES:
		ret = qt_list_devices(fd, devices, 64);
		break;
	case CALLS:
		break;
	}
	s->reason = qt_reason;
	return ret;
}

static long do_reopen(long fd, long flags, void *data)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%ld", fd);
	ret = open(path, flags);
	return ret < 0 ? -errno : ret;
}

static long do_dup(long fd, long to, void *data)
{
	int ret = to < 0 ? dup(fd) : dup2(fd, to);

	return ret < 0 ? -errno : ret;
}

static long do_setuid(long uid, long y, void *data)
{
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

static long do_drop_admin(long x, long y, void *data)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct c[2];

	if (syscall(SYS_capget, &h, c))
		return -errno;
	c[0].effective &= ~(1U << CAP_SYS_ADMIN);
	c[0].permitted &= ~(1U << CAP_SYS_ADMIN);
	return syscall(SYS_capset, &h, c) ? -errno : 0;
}

static long do_new_userns(long x, long y, void *data)
{
	int ret;

	if (unshare(CLONE_NEWUSER))
		return -errno;
	ret = qt_write("/proc/self/setgroups", "deny");
	ret = ret ? ret : qt_write("/proc/self/uid_map", "0 0 1");
	return ret ? ret : qt_write("/proc/self/gid_map", "0 0 1");
}

static long do_open_device(long x, long y, void *data)
{
	return qt_open_control();
}

static long do_enter(long x, long y, void *data)
{
	return qt_cgroup_enter(data);
}

FIXTURE(rights)
{
	int ctl;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor a;
	struct shared *s;
	int a_ctl, a_use, a_manage; /* numbers in the actor */
};

FIXTURE_SETUP(rights)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(rights)
{
	struct qwamos_gpu_dev d;

	/* Nothing that an actor tried may have moved anything. */
	EXPECT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, d.state);
	EXPECT_EQ(0, d.owner_vm_id);
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

/* Give an actor all three fds; those of "other" where it is about managing. */
static int equip(FIXTURE_DATA(rights) * self, struct qt_actor *a)
{
	self->s = a->data;
	memset(self->s, 0, sizeof(*self->s));
	self->s->vm_id = self->other.id;
	self->s->device_id = qt_id(self->ctl, "bochs");
	self->a_ctl = qt_give_fd(a, self->ctl);
	self->a_use = qt_give_fd(a, self->vm.use);
	self->a_manage = qt_give_fd(a, self->other.manage);
	return self->a_ctl < 0 || self->a_use < 0 || self->a_manage < 0 ? -EMFILE : 0;
}

static int fd_for(FIXTURE_DATA(rights) * self, enum call call)
{
	return call < MANAGEMENT || call == GET_INFO || call == LIST_DEVICES ? self->a_ctl
	       : call < USES						     ? self->a_manage
									     : self->a_use;
}

/* Everything that manages is refused with this reason, and the rest works. */
static void expect_no_manager(struct __test_metadata *_metadata, FIXTURE_DATA(rights) * self,
			      struct qt_actor *a, __u32 reason)
{
	enum call call;

	for (call = 0; call < CALLS; call++) {
		__u64 mark = qt_audit_mark(self->ctl);
		long ret;

		ret = qt_do(a, do_call, call, fd_for(self, call));
		if (call >= USES) {
			EXPECT_LE(0, ret)
			TH_LOG("%s -> %ld, reason %u", names[call], ret, self->s->reason);
			continue;
		}
		EXPECT_EQ(-EACCES, ret) TH_LOG("%s", names[call]);
		EXPECT_EQ(reason, self->s->reason) TH_LOG("%s", names[call]);
		EXPECT_LT(0, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED, .reason = reason,
						   .result = -EACCES, .pid = a->pid),
					   NULL))
		TH_LOG("%s", names[call]);
	}
}

/* A use fd in the hands of a plain root process, which could do all of this with a manage fd. */
static void expect_use_only(struct __test_metadata *_metadata, FIXTURE_DATA(rights) * self,
			    struct qt_actor *a, int fd)
{
	static const enum call calls[] = { CREATE,     OPEN_USE, OPEN_MANAGE, LIST_VMS, RELEASE,
					   SET_POLICY, ATTACH,	 DETACH,      DESTROY };
	size_t i;

	EXPECT_EQ(0, qt_do(a, do_call, U_INFO, fd));
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(-EACCES, qt_do(a, do_call, calls[i], fd)) TH_LOG("%s", names[calls[i]]);
		EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, self->s->reason)
		TH_LOG("%s", names[calls[i]]);
	}
}

TEST_F(rights, use_fd_passed)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_use_only(_metadata, self, &self->a, self->a_use);
}

TEST_F(rights, use_fd_duplicated)
{
	int fd;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	fd = qt_do(&self->a, do_dup, self->a_use, -1);
	ASSERT_LE(0, fd);
	expect_use_only(_metadata, self, &self->a, fd);
	/* Over a manage fd it does not take that one's place in the kernel. */
	fd = qt_do(&self->a, do_dup, self->a_use, self->a_manage);
	ASSERT_EQ(self->a_manage, fd);
	expect_use_only(_metadata, self, &self->a, fd);
	fd = qt_do(&self->a, do_call, NEW_USE, self->a_use);
	ASSERT_LE(0, fd);
	expect_use_only(_metadata, self, &self->a, fd);
}

TEST_F(rights, use_fd_inherited)
{
	struct qt_actor child;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	ASSERT_EQ(0, qt_clone(&self->a, &child, 0));
	memcpy(child.data, self->a.data, sizeof(struct shared));
	self->s = child.data;
	expect_use_only(_metadata, self, &child, self->a_use);
	qt_end(&child);
}

TEST_F(rights, no_reopen)
{
	static const int flags[] = { O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC, O_PATH };
	size_t i;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = qt_do(&self->a, do_reopen, self->a_use, flags[i]);

		if (flags[i] == O_PATH) {
			/* A path to nowhere: no ioctl goes through it. */
			ASSERT_LE(0, fd);
			EXPECT_EQ(-EBADF, qt_do(&self->a, do_call, U_INFO, fd));
			EXPECT_EQ(-EBADF, qt_do(&self->a, do_call, DESTROY, fd));
			continue;
		}
		EXPECT_EQ(-ENXIO, fd) TH_LOG("flags %#x", flags[i]);
		EXPECT_EQ(-ENXIO, qt_do(&self->a, do_reopen, self->a_manage, flags[i]));
	}
}

TEST_F(rights, manage_fd_is_no_use_fd)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	EXPECT_EQ(-EACCES, qt_do(&self->a, qt_do_join, self->a_manage, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, self->s->reason);
	EXPECT_EQ(-EACCES, qt_do(&self->a, do_call, NEW_USE, self->a_manage));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, self->s->reason);
	/* And for a plain root process it does what it is for. */
	EXPECT_EQ(0, qt_do(&self->a, do_call, SET_POLICY, self->a_manage));
}

/* A VMM as root, with every capability, and with a manage fd that somebody gave it. */
TEST_F(rights, member)
{
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_VM_MEMBER);
	/* Its own VM is no exception. */
	self->a_manage = qt_give_fd(&self->a, self->vm.manage);
	self->s->vm_id = self->vm.id;
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_VM_MEMBER);
}

/* Also where the VM has no cgroup, and where the manager has moved it out of its cgroup. */
TEST_F(rights, member_outside_of_its_cgroup)
{
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	snprintf(self->a.data, QT_SHARED, "/sys/fs/cgroup");
	ASSERT_EQ(0, qt_do(&self->a, do_enter, 0, 0));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_VM_MEMBER);
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_VM_MEMBER);
}

/* Its children have joined nothing; they descend from it. */
TEST_F(rights, members_children)
{
	struct qt_actor child, daemon;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_clone(&self->a, &child, 0));
	ASSERT_EQ(0, qt_clone(&self->a, &daemon, QT_CLONE_DAEMON));
	ASSERT_EQ(0, equip(self, &child));
	expect_no_manager(_metadata, self, &child, QWAMOS_GPU_REASON_VM_MEMBER);
	ASSERT_EQ(0, equip(self, &daemon));
	expect_no_manager(_metadata, self, &daemon, QWAMOS_GPU_REASON_VM_MEMBER);
	qt_end(&child);
	qt_end(&daemon);
}

/* Who stood in the VM's cgroup, or in one below it, when it was joined. */
TEST_F(rights, in_the_cgroup)
{
	char below[QT_PATH], name[96];
	struct qt_actor leader;
	int fd;

	ASSERT_EQ(0, qt_spawn(&self->a, self->vm.cgroup));
	snprintf(name, sizeof(name), "%s/below", self->vm.name);
	fd = qt_cgroup_new(name, below);
	ASSERT_LE(0, fd);
	close(fd);
	snprintf(self->a.data, QT_SHARED, "%s", below);
	ASSERT_EQ(0, qt_do(&self->a, do_enter, 0, 0));
	ASSERT_EQ(0, qt_vmm(&self->vm, &leader, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_VM_MEMBER);
	qt_kill(&self->a);
	qt_end(&leader);
	EXPECT_EQ(0, rmdir(below));
}

static long do_bind(long how, long y, void *data)
{
	char path[QT_PATH], addr[64];
	int ret;

	snprintf(addr, sizeof(addr), "%s", (char *)data);
	if (how)
		return qt_bind(addr, QT_OURS);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", addr);
	ret = qt_write(path, QT_OURS);
	return ret ? ret : qt_write("/sys/bus/pci/drivers/" QT_OURS "/bind", addr);
}

/* A member of a VM binds no device to our driver, whichever way. */
TEST_F(rights, member_binds_nothing)
{
	__u64 mark = qt_audit_mark(self->ctl);
	struct qwamos_gpu_dev d;
	struct qt_actor child;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_clone(&self->a, &child, QT_CLONE_DAEMON));
	ASSERT_EQ(0, qt_bind(qt_addr("bochs"), ""));
	snprintf(self->a.data, QT_SHARED, "%s", qt_addr("bochs"));
	EXPECT_EQ(-EACCES, qt_do(&self->a, do_bind, 0, 0));
	EXPECT_EQ(-EIO, qt_do(&self->a, do_bind, 1, 0)) TH_LOG("by drivers_probe");
	snprintf(child.data, QT_SHARED, "%s", qt_addr("bochs"));
	EXPECT_EQ(-EACCES, qt_do(&child, do_bind, 0, 0));
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, d.state);
	EXPECT_LT(0, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_BOUND, .chain = self->vm.id,
					   .result = -EACCES, .pid = self->a.pid,
					   .reason = QWAMOS_GPU_REASON_VM_MEMBER),
				   NULL));
	qt_kill(&child);
	/* Others do. */
	EXPECT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
}

#define DRIVER_FILE(name) "/sys/bus/pci/drivers/" QT_OURS "/" name
#define EDU_ID		  "1234 11e8"

static long do_new_id(long x, long y, void *data)
{
	return qt_write(DRIVER_FILE("new_id"), EDU_ID);
}

/* Nor does it leave something behind by which somebody else's probe binds one. */
TEST_F(rights, member_binds_nothing_later)
{
	const char *addr = qt_addr("pair-edu");
	struct qwamos_gpu_dev d;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_bind(addr, ""));
	EXPECT_EQ(0, qt_do(&self->a, do_new_id, 0, 0));
	qt_write("/sys/bus/pci/drivers_probe", addr);
	ASSERT_EQ(0, qt_device(self->ctl, "pair-edu", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, d.state);
	EXPECT_EQ(0, qt_write(DRIVER_FILE("remove_id"), EDU_ID));
	EXPECT_EQ(0, qt_ours(self->ctl, "pair-edu", NULL));
	EXPECT_EQ(0, qt_theirs(self->ctl, "pair-edu", NULL));
}

static long do_write_param(long x, long y, void *data)
{
	const char *text = data;

	return qt_write(text, text + strlen(text) + 1);
}

static void expect_param(struct __test_metadata *_metadata, struct qt_actor *a, const char *name,
			 const char *value, int err)
{
	char path[QT_PATH], was[32], is[32];
	int len;

	len = snprintf(path, sizeof(path), "/sys/module/qwamos_gpu/parameters/%s", name) + 1;
	ASSERT_LT(0, qt_read(path, was, sizeof(was)));
	snprintf(a->data, QT_SHARED, "%s", path);
	snprintf((char *)a->data + len, QT_SHARED - len, "%s", value);
	EXPECT_EQ(err, qt_do(a, do_write_param, 0, 0)) TH_LOG("%s", name);
	ASSERT_LT(0, qt_read(path, is, sizeof(is)));
	EXPECT_STREQ(was, is);
}

/* What is no call, but the manager's all the same. */
TEST_F(rights, member_sets_no_parameter)
{
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	expect_param(_metadata, &self->a, "audit_allowed", "0", -EPERM);
	expect_param(_metadata, &self->a, "revoke_timeout_s", "1", -EPERM);
}

/* What the kernel starts does none of it either: exit status and state of each attempt. */
TEST_F(rights, helper_does_what_no_manager_does)
{
	char script[QT_PATH * 2], said[QT_PATH];
	__u64 mark = qt_audit_mark(self->ctl);
	const char *addr = qt_addr("bochs");
	struct qwamos_gpu_dev d;

	ASSERT_EQ(0, qt_bind(addr, ""));
	snprintf(script, sizeof(script),
		 "p=/sys/module/qwamos_gpu/parameters; r=\n"
		 "echo 0 2>/dev/null >$p/audit_allowed; r=\"$r$? \"\n"
		 "echo 1 2>/dev/null >$p/revoke_timeout_s; r=\"$r$? \"\n"
		 "echo " QT_OURS " >/sys/bus/pci/devices/%s/driver_override; r=\"$r$? \"\n"
		 "echo %s 2>/dev/null >/sys/bus/pci/drivers/" QT_OURS "/bind; r=\"$r$? \"\n"
		 "echo \"$r$(<$p/audit_allowed)$(<$p/revoke_timeout_s)\"",
		 addr, addr);
	ASSERT_LT(0, qt_run_helper(script, said, sizeof(said), 20000));
	EXPECT_STREQ("1 1 0 1 Y30", said);
	EXPECT_EQ(0, qt_write("/sys/module/qwamos_gpu/parameters/audit_allowed", "1"));
	EXPECT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 30));
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, d.state);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_BOUND, .chain = QT_HOST,
					   .result = -EACCES,
					   .reason = QWAMOS_GPU_REASON_USERMODE_HELPER),
				   NULL));
	EXPECT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
}

/* A second thread of a member, which is no other process. */
static void *thread_create(void *data)
{
	struct shared *s = data;

	*(long *)(s + 1) = do_call(CREATE, s->device_id, data);
	return NULL;
}

static long do_create_in_thread(long fd, long y, void *data)
{
	struct shared *s = data;
	pthread_t t;

	s->device_id = fd;
	if (pthread_create(&t, NULL, thread_create, data))
		return -EAGAIN;
	pthread_join(t, NULL);
	return *(long *)(s + 1);
}

TEST_F(rights, members_threads)
{
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	EXPECT_EQ(-EACCES, qt_do(&self->a, do_create_in_thread, self->a_ctl, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_VM_MEMBER, self->s->reason);
}

TEST_F(rights, other_user)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	ASSERT_EQ(0, qt_do(&self->a, do_setuid, NOBODY, 0));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_NOT_CAPABLE);
	/* And it can't open the device at all. */
	EXPECT_EQ(-EACCES, qt_do(&self->a, do_open_device, 0, 0));
}

TEST_F(rights, root_without_cap_sys_admin)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_drop_admin, 0, 0));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_NOT_CAPABLE);
}

/* All capabilities, but in a namespace of its own. */
TEST_F(rights, root_in_a_user_namespace)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_new_userns, 0, 0));
	ASSERT_EQ(0, equip(self, &self->a));
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_NOT_CAPABLE);
	self->a_ctl = qt_do(&self->a, do_open_device, 0, 0);
	ASSERT_LE(0, self->a_ctl);
	expect_no_manager(_metadata, self, &self->a, QWAMOS_GPU_REASON_NOT_CAPABLE);
}

/* The right is the caller's at each call, not the opener's. */
TEST_F(rights, checked_at_each_call)
{
	int fd;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, equip(self, &self->a));
	fd = qt_do(&self->a, do_call, OPEN_MANAGE, self->a_ctl);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, qt_do(&self->a, do_call, SET_POLICY, fd));
	ASSERT_EQ(0, qt_do(&self->a, do_drop_admin, 0, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->a, do_call, SET_POLICY, fd));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_CAPABLE, self->s->reason);
}

TEST_F(rights, node)
{
	struct stat st;

	ASSERT_EQ(0, stat(QWAMOS_GPU_DEVICE, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0, st.st_mode & 0007) TH_LOG("mode %o: others may open it", st.st_mode);
	EXPECT_EQ(0, st.st_uid);
}

TEST_HARNESS_MAIN
