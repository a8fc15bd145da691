// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random arguments to every call on every kind of fd, with what is likely to matter more likely
 * than chance: whatever comes back keeps the contract that qt_call() watches, and nothing is left
 * over. QT_SEED=N: other arguments.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "call.h"
#include "gate.h"
#include "vm.h"

#define WORKERS 4
#define CALLS	5000

static const __u8 numbers[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x10, 0x11,
				0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x20, 0x21, 0x22,
				0x23, 0x24, 0x25 };
/* sizeof() of each one's argument. */
static const __u16 sizes[] = {
	sizeof(struct qwamos_gpu_get_info),   sizeof(struct qwamos_gpu_vm_create),
	sizeof(struct qwamos_gpu_vm_open),    sizeof(struct qwamos_gpu_list),
	sizeof(struct qwamos_gpu_list),	      sizeof(struct qwamos_gpu_dev_clear_quarantine),
	sizeof(struct qwamos_gpu_audit_read), sizeof(struct qwamos_gpu_audit_head),
	sizeof(struct qwamos_gpu_level_info), sizeof(struct qwamos_gpu_vm_set_policy),
	sizeof(struct qwamos_gpu_vm_join),    sizeof(struct qwamos_gpu_vm_destroy),
	sizeof(struct qwamos_gpu_dev_attach), sizeof(struct qwamos_gpu_dev_detach),
	sizeof(struct qwamos_gpu_vm_info),    sizeof(struct qwamos_gpu_vm_new_fd),
	sizeof(struct qwamos_gpu_list),	      sizeof(struct qwamos_gpu_list),
	sizeof(struct qwamos_gpu_vm_adopt),   sizeof(struct qwamos_gpu_vm_check),
	sizeof(struct qwamos_gpu_vm_charge),  sizeof(struct qwamos_gpu_vm_charge),
	sizeof(struct qwamos_gpu_gate_create), sizeof(struct qwamos_gpu_gate_destroy),
	sizeof(struct qwamos_gpu_list),
};

/* Where answers may go: nothing of the test's own is near. */
static unsigned char room[256 * 1024];

/* Of the render node that gates are to. */
static int render;

static __u64 some_value(unsigned int *seed, __u64 device_id)
{
	switch (rand_r(seed) % 12) {
	case 0:
		return ~0ULL;
	case 1:
		return (unsigned long)room;
	case 2:
		return device_id;
	case 3:
		return 1ULL << (rand_r(seed) % 64);
	case 4:
		return (__u64)rand_r(seed) << 32 | rand_r(seed);
	case 5:
		return 0x4141414141414141ULL;
	case 6:
		return rand_r(seed) % 512;
	default:
		return rand_r(seed) % 6;
	}
}

static struct qt_span also(unsigned int nr)
{
	if (nr == QWAMOS_GPU_CMD_DEV_ATTACH)
		return QT_FIELD(struct qwamos_gpu_dev_attach, out_device_id);
	if (nr == QWAMOS_GPU_CMD_GATE_CREATE)
		return QT_FIELD(struct qwamos_gpu_gate_create, out_device_id);
	if (nr == QWAMOS_GPU_CMD_VM_SET_POLICY)
		return QT_SPAN(struct qwamos_gpu_vm_set_policy, out_used, out_limit);
	if (nr == QWAMOS_GPU_CMD_VM_CHARGE)
		return QT_SPAN(struct qwamos_gpu_vm_charge, out_used, out_limit);
	return QT_NONE;
}

static bool is_list(unsigned int nr)
{
	return nr == QWAMOS_GPU_CMD_VM_LIST || nr == QWAMOS_GPU_CMD_DEV_LIST ||
	       nr == QWAMOS_GPU_CMD_VM_GPU_LIST || nr == QWAMOS_GPU_CMD_VM_REFUSAL_LIST ||
	       nr == QWAMOS_GPU_CMD_GATE_LIST;
}

/* No pointer may lead into the test's own memory, and no other test's device be released. */
static void tame(void *arg, unsigned int nr, __u64 device_id)
{
	struct qwamos_gpu_dev_clear_quarantine *release = arg;
	struct qwamos_gpu_list *l = arg;
	struct qwamos_gpu_audit_read *r = arg;
	struct qwamos_gpu_vm_set_policy *p = arg;
	struct qwamos_gpu_vm_check *c = arg;

	if (is_list(nr)) {
		if (l->entries < 1ULL << 47 && l->entries > 4096)
			l->entries = (unsigned long)room;
		if (l->entry_size > 1024)
			l->entry_size = 1024;
	} else if (nr == QWAMOS_GPU_CMD_AUDIT_READ) {
		if (r->records < 1ULL << 47 && r->records > 4096)
			r->records = (unsigned long)room;
		if (r->record_size > 512)
			r->record_size = 512;
		r->count %= 512;
	} else if (nr == QWAMOS_GPU_CMD_VM_SET_POLICY) {
		if (p->gpus < 1ULL << 47 && p->gpus > 4096)
			p->gpus = (unsigned long)room;
	} else if (nr == QWAMOS_GPU_CMD_VM_CHECK) {
		if (c->entries < 1ULL << 47 && c->entries > 4096)
			c->entries = (unsigned long)room;
	} else if (nr == QWAMOS_GPU_CMD_VM_ADOPT) {
		((struct qwamos_gpu_vm_adopt *)arg)->pidfd = -1; /* nobody is to be killed */
	} else if (nr == QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE && release->device_id < 4096) {
		release->device_id = device_id;
	}
}

/* What the call would take, to be spoilt. */
static void sound(void *arg, unsigned int nr, struct qt_vm *vm, __u64 device_id, unsigned int n)
{
	struct qwamos_gpu_hdr *hdr = arg;
	struct qwamos_gpu_vm_create *c = arg;
	struct qwamos_gpu_vm_open *o = arg;
	struct qwamos_gpu_list *l = arg;
	struct qwamos_gpu_audit_read *r = arg;
	struct qwamos_gpu_vm_set_policy *p = arg;
	struct qwamos_gpu_dev_attach *a = arg;
	struct qwamos_gpu_vm_check *k = arg;
	struct qwamos_gpu_vm_charge *charge = arg;
	struct qwamos_gpu_gate_create *create = arg;
	struct qwamos_gpu_gate_destroy *destroy = arg;
	struct qwamos_gpu_gate g;

	switch (nr) {
	case QWAMOS_GPU_CMD_VM_CREATE:
		hdr->flags = QWAMOS_GPU_VM_CREATE_F_NO_CGROUP | n % 2;
		c->cgroup_fd = -1;
		snprintf(c->name, sizeof(c->name), "fuzz-%u", n % 1000);
		break;
	case QWAMOS_GPU_CMD_VM_OPEN:
		o->vm_id = vm->id;
		o->right = 1 + n % 2;
		break;
	case QWAMOS_GPU_CMD_VM_LIST:
	case QWAMOS_GPU_CMD_DEV_LIST:
	case QWAMOS_GPU_CMD_VM_GPU_LIST:
	case QWAMOS_GPU_CMD_VM_REFUSAL_LIST:
	case QWAMOS_GPU_CMD_GATE_LIST:
		l->entries = (unsigned long)room;
		l->entry_size = 256;
		l->count = 64;
		break;
	case QWAMOS_GPU_CMD_AUDIT_READ:
		r->records = (unsigned long)room;
		r->record_size = sizeof(struct qwamos_gpu_audit_record);
		r->count = 1 + n % 500;
		break;
	case QWAMOS_GPU_CMD_VM_SET_POLICY:
		p->mask = QWAMOS_GPU_POLICY_LEVEL;
		p->level = n % 5;
		break;
	case QWAMOS_GPU_CMD_VM_CHECK:
		k->operation = n % 9;
		break;
	case QWAMOS_GPU_CMD_VM_CHARGE:
	case QWAMOS_GPU_CMD_VM_UNCHARGE:
		charge->kind = 1 + n % 2;
		charge->device_id = n % 3 ? 0 : device_id;
		charge->amount = 1 + n % 7;
		break;
	case QWAMOS_GPU_CMD_GATE_CREATE:
		create->render_fd = render;
		hdr->flags = n % 2;
		break;
	case QWAMOS_GPU_CMD_GATE_DESTROY:
		if (qt_gates(vm->manage, &g, 1) == 1)
			destroy->gate_id = g.gate_id;
		break;
	case QWAMOS_GPU_CMD_DEV_ATTACH:
	case QWAMOS_GPU_CMD_DEV_DETACH:
	case QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE:
		a->device_id = device_id;
		hdr->flags = nr != QWAMOS_GPU_CMD_DEV_ATTACH;
		break;
	}
}

/* Return: calls that broke the contract; @done: out: how many of each were answered with 0. */
static int fuzz(unsigned int seed, __u64 device_id, unsigned int *done)
{
	int ctl = qt_open_control(), broken = 0, fds, i, fd;
	struct qt_vm vm = { .name = "" };

	fds = fcntl(ctl, F_DUPFD, 3);
	close(fds);
	for (i = 0; i < CALLS; i++) {
		unsigned int which = rand_r(&seed) % sizeof(numbers), nr = numbers[which];
		union {
			struct qwamos_gpu_hdr hdr;
			__u64 words[600];
			unsigned char bytes[4800];
		} arg;
		size_t len = sizes[which], k;
		struct qwamos_gpu_vm info;
		int ret;

		if (!vm.name[0] || qt_vm_info(vm.use, &info)) {
			qt_vm_end(&vm);
			/* As somebody's member this process can make no other. */
			if (qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM,
				      rand_r(&seed) % 2 ? QWAMOS_GPU_VM_CREATE_F_NO_CGROUP : 0))
				return broken + 1;
		}
		memset(&arg, 0, sizeof(arg));
		arg.hdr.size = len;
		arg.hdr.out_reason = QT_P32;
		sound(&arg, nr, &vm, device_id, rand_r(&seed));
		for (k = rand_r(&seed) % 4; k > 0; k--) {
			size_t at = rand_r(&seed) % (len / 4);
			__u64 value = some_value(&seed, device_id);

			memcpy(arg.bytes + at * 4, &value, rand_r(&seed) % 2 ? 4 : 1);
		}
		if (!(rand_r(&seed) % 8))
			len = rand_r(&seed) % 4200;
		/* qt_call() asks for what a poisoned head tells. */
		arg.hdr.out_reason = QT_P32;
		tame(&arg, nr, device_id);
		/* Joining is for the last call of a worker. */
		if (nr == QWAMOS_GPU_CMD_VM_JOIN && i < CALLS - 1)
			continue;
		if (nr == QWAMOS_GPU_CMD_VM_DESTROY && rand_r(&seed) % 16)
			continue;
		fd = (int[]){ ctl, vm.manage, vm.use }[rand_r(&seed) % 3];
		ret = qt_call(fd, _IO(QWAMOS_GPU_MAGIC, nr), &arg, len, also(nr));
		broken += ret == -ENOTRECOVERABLE;
		done[which] += !ret;
		/* Whatever fds it made: none is the test's. */
		if (!ret && (nr == QWAMOS_GPU_CMD_VM_CREATE || nr == QWAMOS_GPU_CMD_VM_OPEN ||
			     nr == QWAMOS_GPU_CMD_VM_NEW_FD)) {
			for (fd = fds; fd < fds + 8; fd++)
				if (fd != vm.manage && fd != vm.use && fd != vm.cgroup_fd)
					close(fd);
		}
	}
	qt_vm_end(&vm);
	return broken;
}

TEST(random_arguments)
{
	int ctl = qt_open_control(), status, i;
	const char *given = getenv("QT_SEED");
	unsigned int start = given ? strtoul(given, NULL, 0) : 1;
	pid_t pids[WORKERS];
	unsigned int(*done)[sizeof(numbers)], k;
	__u64 id;

	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	ASSERT_LE(0, ctl);
	ASSERT_EQ(0, qt_settle(ctl, 20000));
	ASSERT_EQ(0, qt_ours(ctl, "bochs", NULL));
	id = qt_id(ctl, "bochs");
	render = qt_render("virtio");
	ASSERT_LE(0, render);
	TH_LOG("seed %u", start);
	for (i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(fuzz(start + i, id, done[i]) ? 1 : 0);
	}
	for (i = 0; i < WORKERS; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status) TH_LOG("worker %d", i);
	}
	/* Random, but not so random that all of it is refused at the door. */
	for (k = 0; k < sizeof(numbers); k++) {
		unsigned int sum = 0;

		for (i = 0; i < WORKERS; i++)
			sum += done[i][k];
		TH_LOG("call %#x: %u times done", numbers[k], sum);
		if (numbers[k] != QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE &&
		    numbers[k] != QWAMOS_GPU_CMD_VM_ADOPT && numbers[k] != QWAMOS_GPU_CMD_VM_JOIN) {
			EXPECT_LT(0, sum);
		}
	}
	EXPECT_EQ(0, qt_settle(ctl, 20000));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(ctl, "bochs"));
}

TEST_HARNESS_MAIN
