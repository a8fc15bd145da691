/* SPDX-License-Identifier: GPL-2.0-only */
/* Every call, for uapi_invalid.c: a valid argument, and what belongs to it. */
#ifndef UAPI_CALLS_H
#define UAPI_CALLS_H

enum kind { CONTROL, MANAGE, USE, KINDS };
#define ON(kind) (1U << (kind))

#define LIST_ROOM 64

union argument {
	struct qwamos_gpu_hdr hdr;
	struct qwamos_gpu_get_info info;
	struct qwamos_gpu_vm_create create;
	struct qwamos_gpu_vm_open open;
	struct qwamos_gpu_list list;
	struct qwamos_gpu_dev_clear_quarantine release;
	struct qwamos_gpu_audit_read audit;
	struct qwamos_gpu_audit_head audit_head;
	struct qwamos_gpu_vm_set_policy policy;
	struct qwamos_gpu_dev_attach attach;
	struct qwamos_gpu_dev_detach detach;
	struct qwamos_gpu_vm_info vm_info;
	struct qwamos_gpu_vm_new_fd new_use;
	struct qwamos_gpu_vm_adopt adopt;
	struct qwamos_gpu_level_info level_info;
	struct qwamos_gpu_vm_check check;
	struct qwamos_gpu_vm_charge charge;
	struct qwamos_gpu_gate_create gate_create;
	struct qwamos_gpu_gate_destroy gate_destroy;
	unsigned char bytes[4096 + 64];
};

static union {
	struct qwamos_gpu_vm vms[LIST_ROOM];
	struct qwamos_gpu_dev devices[LIST_ROOM];
	struct qwamos_gpu_audit_record records[LIST_ROOM];
	struct qwamos_gpu_vm_check_entry entries[LIST_ROOM];
	struct qwamos_gpu_vm_gpu gpus[LIST_ROOM];
	struct qwamos_gpu_vm_refusal refusals[LIST_ROOM];
	struct qwamos_gpu_gate gates[LIST_ROOM];
} room;

static void fill_create(union argument *a, struct qt_vm *vm)
{
	static int serial;

	(void)vm;
	a->create.cgroup_fd = -1;
	a->create.__reserved = 0;
	memset(a->create.name, 0, sizeof(a->create.name));
	snprintf(a->create.name, sizeof(a->create.name), "invalid-%d-%d", getpid(), serial++);
}

static void fill_open(union argument *a, struct qt_vm *vm)
{
	a->open.vm_id = vm->id;
	memset(a->open.name, 0, sizeof(a->open.name));
	a->open.right = QWAMOS_GPU_RIGHT_USE;
}

static void fill_vms(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->list.entries = (unsigned long)room.vms;
	a->list.entry_size = sizeof(room.vms[0]);
	a->list.count = LIST_ROOM;
}

static void fill_devices(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->list.entries = (unsigned long)room.devices;
	a->list.entry_size = sizeof(room.devices[0]);
	a->list.count = LIST_ROOM;
}

static void fill_gpus(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->list.entries = (unsigned long)room.gpus;
	a->list.entry_size = sizeof(room.gpus[0]);
	a->list.count = LIST_ROOM;
}

static void fill_refusals(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->list.entries = (unsigned long)room.refusals;
	a->list.entry_size = sizeof(room.refusals[0]);
	a->list.count = LIST_ROOM;
}

static void fill_release(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->release.device_id = 1ULL << 40;
}

static void fill_audit(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	memset(&a->audit.records, 0,
	       sizeof(a->audit) - offsetof(struct qwamos_gpu_audit_read, records));
	a->audit.records = (unsigned long)room.records;
	a->audit.record_size = sizeof(room.records[0]);
	a->audit.count = LIST_ROOM;
	a->audit.out_lost = QT_P64;
}

static void fill_audit_head(union argument *a, struct qt_vm *vm)
{
	a->audit_head.chain = vm->id;
}

static void fill_policy(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	memset(&a->policy.mask, 0, sizeof(a->policy) - sizeof(a->hdr));
	a->policy.out_used = QT_P64;
	a->policy.out_limit = QT_P64;
	a->policy.mask = QWAMOS_GPU_POLICY_LEVEL;
	a->policy.level = QWAMOS_GPU_LEVEL_SYSTEM;
}

static void fill_attach(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->attach.device_id = 1ULL << 40;
	a->attach.scrub = QWAMOS_GPU_SCRUB_DEFAULT;
	a->attach.__reserved = 0;
}

static void fill_detach(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->detach.device_id = 1ULL << 40;
}

static void fill_new_use(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->new_use.__reserved = 0;
}

/* Where pidfds go: open from the beginning, so that no test counts it as left over. */
#define ADOPT_FD 200

static void __attribute__((constructor)) reserve_adopt_fd(void)
{
	if (dup2(0, ADOPT_FD) < 0)
		dup2(open("/dev/null", O_RDONLY), ADOPT_FD);
}

/* A process for each call: it ends with the VM that adopts it, or soon. It holds no fd of a VM. */
static void fill_adopt(union argument *a, struct qt_vm *vm)
{
	int fd, gone[2];
	pid_t pid;
	char byte;

	(void)vm;
	if (pipe2(gone, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		close_range(3, ~0U, 0);
		qt_sleep_ms(20000);
		_exit(0);
	}
	/* Ends when the process has closed the other end, and all else with it. */
	close(gone[1]);
	if (read(gone[0], &byte, 1))
		abort();
	close(gone[0]);
	fd = syscall(SYS_pidfd_open, pid, 0);
	dup2(fd, ADOPT_FD);
	close(fd);
	a->adopt.pidfd = ADOPT_FD;
	a->adopt.__reserved = 0;
}

static void fill_level_info(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->level_info.level = QWAMOS_GPU_LEVEL_LOW;
	a->level_info.__reserved = 0;
}

static void fill_check(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->check.operation = QWAMOS_GPU_OP_PASSTHROUGH;
	a->check.count = 0;
	a->check.device_id = 0;
	a->check.entries = 0;
}

static void fill_check_array(union argument *a, struct qt_vm *vm)
{
	unsigned int i;

	(void)vm;
	for (i = 0; i < LIST_ROOM; i++)
		room.entries[i].operation = i;
	a->check.operation = 0;
	a->check.count = LIST_ROOM;
	a->check.device_id = 0;
	a->check.entries = (unsigned long)room.entries;
}

static void fill_charge(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->charge.kind = QWAMOS_GPU_RESOURCE_VRAM;
	a->charge.__reserved = 0;
	a->charge.device_id = 0;
	a->charge.amount = 4096;
}

/* Something must be there to be given back. */
static void fill_uncharge(union argument *a, struct qt_vm *vm)
{
	struct qwamos_gpu_vm_charge c = { .hdr = QT_HDR(c, 0),
					  .kind = QWAMOS_GPU_RESOURCE_VRAM,
					  .amount = 4096 };

	qt_call(vm->use, QWAMOS_GPU_VM_CHARGE, &c, sizeof(c),
		QT_SPAN(struct qwamos_gpu_vm_charge, out_used, out_limit));
	fill_charge(a, vm);
}

#define RENDER_FD 901

/* Before fds are counted. */
static void __attribute__((constructor)) open_render_node(void)
{
	int fd = qt_render("virtio");

	if (fd < 0)
		return;
	dup2(fd, RENDER_FD);
	close(fd);
}

/* The last call's gate is in the way of the next one. */
static void fill_gate_create(union argument *a, struct qt_vm *vm)
{
	struct qwamos_gpu_gate g;

	while (qt_gates(vm->manage, &g, 1) == 1)
		qt_gate_destroy(vm->manage, g.gate_id);
	a->gate_create.render_fd = RENDER_FD;
	a->gate_create.__reserved = 0;
}

static void fill_gate_destroy(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->gate_destroy.gate_id = 1ULL << 40;
}

static void fill_gates(union argument *a, struct qt_vm *vm)
{
	(void)vm;
	a->list.entries = (unsigned long)room.gates;
	a->list.entry_size = sizeof(room.gates[0]);
	a->list.count = LIST_ROOM;
	a->list.after = 0;
}

FIXTURE(call)
{
	int ctl;
	struct qt_vm vm;
	int fds[KINDS];
	int fd;
	union argument arg;
};

/*
 * @first: size of the first version (0: @size); @right: an fd that the call is for; @kinds: all of
 * those; @flags: those that a valid call has, @known: all that there are; @err, @reason: what a
 * valid call returns, QT_P32: an error that writes nothing; @reserved: offset of a reserved field
 * (0: none); @also: what a refusal may write; @fd_at: offset of an fd in the answer (0: none)
 */
FIXTURE_VARIANT(call)
{
	unsigned int cmd;
	size_t size;
	size_t first;
	enum kind right;
	unsigned int kinds;
	__u32 flags;
	__u32 known;
	int err;
	__u32 reason;
	size_t reserved;
	struct qt_span also;
	size_t fd_at[2];
	void (*fill)(union argument * a, struct qt_vm * vm);
};

FIXTURE_VARIANT_ADD(call, get_info){
	.cmd = QWAMOS_GPU_GET_INFO,
	.size = sizeof(struct qwamos_gpu_get_info),
	.first = offsetof(struct qwamos_gpu_get_info, out_errata),
	.right = CONTROL,
	.kinds = ON(CONTROL) | ON(MANAGE) | ON(USE),
};

FIXTURE_VARIANT_ADD(call, create){
	.cmd = QWAMOS_GPU_VM_CREATE,
	.size = sizeof(struct qwamos_gpu_vm_create),
	.right = CONTROL,
	.kinds = ON(CONTROL),
	.flags = QWAMOS_GPU_VM_CREATE_F_NO_CGROUP,
	.known = QWAMOS_GPU_VM_CREATE_F_NO_CGROUP | QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE,
	.reserved = offsetof(struct qwamos_gpu_vm_create, __reserved),
	.fill = fill_create,
	.fd_at = { offsetof(struct qwamos_gpu_vm_create, out_manage_fd),
		   offsetof(struct qwamos_gpu_vm_create, out_use_fd) },
};

FIXTURE_VARIANT_ADD(call, open){
	.cmd = QWAMOS_GPU_VM_OPEN,
	.size = sizeof(struct qwamos_gpu_vm_open),
	.right = CONTROL,
	.kinds = ON(CONTROL),
	.fill = fill_open,
	.fd_at = { offsetof(struct qwamos_gpu_vm_open, out_fd) },
};

FIXTURE_VARIANT_ADD(call, list_vms){
	.cmd = QWAMOS_GPU_VM_LIST,
	.size = sizeof(struct qwamos_gpu_list),
	.right = CONTROL,
	.kinds = ON(CONTROL),
	.fill = fill_vms,
};

FIXTURE_VARIANT_ADD(call, list_devices){
	.cmd = QWAMOS_GPU_DEV_LIST,
	.size = sizeof(struct qwamos_gpu_list),
	.right = CONTROL,
	.kinds = ON(CONTROL),
	.fill = fill_devices,
};

FIXTURE_VARIANT_ADD(call, list_gpus){
	.cmd = QWAMOS_GPU_VM_GPU_LIST,
	.size = sizeof(struct qwamos_gpu_list),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_gpus,
};

FIXTURE_VARIANT_ADD(call, list_refusals){
	.cmd = QWAMOS_GPU_VM_REFUSAL_LIST,
	.size = sizeof(struct qwamos_gpu_list),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_refusals,
};

FIXTURE_VARIANT_ADD(call, gate_create){
	.cmd = QWAMOS_GPU_GATE_CREATE,
	.size = sizeof(struct qwamos_gpu_gate_create),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.known = QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER,
	.reserved = offsetof(struct qwamos_gpu_gate_create, __reserved),
	.also = QT_FIELD(struct qwamos_gpu_gate_create, out_device_id),
	.fill = fill_gate_create,
};

FIXTURE_VARIANT_ADD(call, gate_destroy){
	.cmd = QWAMOS_GPU_GATE_DESTROY,
	.size = sizeof(struct qwamos_gpu_gate_destroy),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.fill = fill_gate_destroy,
	.err = -ENOENT,
	.reason = QT_P32,
};

FIXTURE_VARIANT_ADD(call, list_gates){
	.cmd = QWAMOS_GPU_GATE_LIST,
	.size = sizeof(struct qwamos_gpu_list),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_gates,
};

FIXTURE_VARIANT_ADD(call, release){
	.cmd = QWAMOS_GPU_DEV_CLEAR_QUARANTINE,
	.size = sizeof(struct qwamos_gpu_dev_clear_quarantine),
	.right = CONTROL,
	.kinds = ON(CONTROL),
	.flags = QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS,
	.known = QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS,
	.fill = fill_release,
	.err = -ENODEV,
	.reason = QWAMOS_GPU_REASON_NO_DEVICE,
};

FIXTURE_VARIANT_ADD(call, audit_read){
	.cmd = QWAMOS_GPU_AUDIT_READ,
	.size = sizeof(struct qwamos_gpu_audit_read),
	.right = CONTROL,
	.kinds = ON(CONTROL) | ON(MANAGE) | ON(USE),
	.known = QWAMOS_GPU_AUDIT_F_CHAIN | QWAMOS_GPU_AUDIT_F_AFTER,
	.reserved = offsetof(struct qwamos_gpu_audit_read, __reserved),
	.fill = fill_audit,
};

FIXTURE_VARIANT_ADD(call, audit_head){
	.cmd = QWAMOS_GPU_AUDIT_HEAD,
	.size = sizeof(struct qwamos_gpu_audit_head),
	.right = CONTROL,
	.kinds = ON(CONTROL) | ON(MANAGE) | ON(USE),
	.fill = fill_audit_head,
};

FIXTURE_VARIANT_ADD(call, set_policy){
	.cmd = QWAMOS_GPU_VM_SET_POLICY,
	.size = sizeof(struct qwamos_gpu_vm_set_policy),
	.first = offsetof(struct qwamos_gpu_vm_set_policy, vram_limit),
	.also = QT_SPAN(struct qwamos_gpu_vm_set_policy, out_used, out_limit),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.fill = fill_policy,
};

FIXTURE_VARIANT_ADD(call, join){
	.cmd = QWAMOS_GPU_VM_JOIN,
	.size = sizeof(struct qwamos_gpu_vm_join),
	.right = USE,
	.kinds = ON(USE),
};

FIXTURE_VARIANT_ADD(call, destroy){
	.cmd = QWAMOS_GPU_VM_DESTROY,
	.size = sizeof(struct qwamos_gpu_vm_destroy),
	.right = MANAGE,
	.kinds = ON(MANAGE),
};

FIXTURE_VARIANT_ADD(call, attach){
	.cmd = QWAMOS_GPU_DEV_ATTACH,
	.known = QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED,
	.size = sizeof(struct qwamos_gpu_dev_attach),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.reserved = offsetof(struct qwamos_gpu_dev_attach, __reserved),
	.also = QT_FIELD(struct qwamos_gpu_dev_attach, out_device_id),
	.fill = fill_attach,
	.err = -EACCES,
	.reason = QWAMOS_GPU_REASON_NO_CGROUP,
};

FIXTURE_VARIANT_ADD(call, detach){
	.cmd = QWAMOS_GPU_DEV_DETACH,
	.size = sizeof(struct qwamos_gpu_dev_detach),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.known = QWAMOS_GPU_DEV_DETACH_F_KILL,
	.fill = fill_detach,
	.err = -ENODEV,
	.reason = QWAMOS_GPU_REASON_NO_DEVICE,
};

FIXTURE_VARIANT_ADD(call, vm_info){
	.cmd = QWAMOS_GPU_VM_INFO,
	.size = sizeof(struct qwamos_gpu_vm_info),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
};

FIXTURE_VARIANT_ADD(call, new_use){
	.cmd = QWAMOS_GPU_VM_NEW_FD,
	.size = sizeof(struct qwamos_gpu_vm_new_fd),
	.right = USE,
	.kinds = ON(USE),
	.reserved = offsetof(struct qwamos_gpu_vm_new_fd, __reserved),
	.fill = fill_new_use,
	.fd_at = { offsetof(struct qwamos_gpu_vm_new_fd, out_fd) },
};

FIXTURE_VARIANT_ADD(call, adopt){
	.cmd = QWAMOS_GPU_VM_ADOPT,
	.size = sizeof(struct qwamos_gpu_vm_adopt),
	.right = MANAGE,
	.kinds = ON(MANAGE),
	.reserved = offsetof(struct qwamos_gpu_vm_adopt, __reserved),
	.fill = fill_adopt,
};

FIXTURE_VARIANT_ADD(call, level_info){
	.cmd = QWAMOS_GPU_LEVEL_INFO,
	.size = sizeof(struct qwamos_gpu_level_info),
	.first = offsetof(struct qwamos_gpu_level_info, out_submit_hz),
	.right = CONTROL,
	.kinds = ON(CONTROL) | ON(MANAGE) | ON(USE),
	.reserved = offsetof(struct qwamos_gpu_level_info, __reserved),
	.fill = fill_level_info,
};

FIXTURE_VARIANT_ADD(call, check){
	.cmd = QWAMOS_GPU_VM_CHECK,
	.size = sizeof(struct qwamos_gpu_vm_check),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_check,
};

FIXTURE_VARIANT_ADD(call, check_by_manager){
	.cmd = QWAMOS_GPU_VM_CHECK,
	.size = sizeof(struct qwamos_gpu_vm_check),
	.right = MANAGE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_check,
};

FIXTURE_VARIANT_ADD(call, check_array){
	.cmd = QWAMOS_GPU_VM_CHECK,
	.size = sizeof(struct qwamos_gpu_vm_check),
	.right = USE,
	.kinds = ON(MANAGE) | ON(USE),
	.fill = fill_check_array,
};

FIXTURE_VARIANT_ADD(call, charge){
	.cmd = QWAMOS_GPU_VM_CHARGE,
	.size = sizeof(struct qwamos_gpu_vm_charge),
	.right = USE,
	.kinds = ON(USE),
	.reserved = offsetof(struct qwamos_gpu_vm_charge, __reserved),
	.also = QT_SPAN(struct qwamos_gpu_vm_charge, out_used, out_limit),
	.fill = fill_charge,
};

FIXTURE_VARIANT_ADD(call, uncharge){
	.cmd = QWAMOS_GPU_VM_UNCHARGE,
	.size = sizeof(struct qwamos_gpu_vm_charge),
	.right = USE,
	.kinds = ON(USE),
	.reserved = offsetof(struct qwamos_gpu_vm_charge, __reserved),
	.fill = fill_uncharge,
};

#endif
