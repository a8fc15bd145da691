// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who keeps whom off a GPU, with many VMs on it: after any sequence of charges, guarantees, levels
 * and ends, VM_CHECK says what the table of levels says of those that are there. And the same while
 * VMs, and the GPU itself, come and go as others ask.
 */
#include <pthread.h>

#include "kselftest_harness.h"
#include "call.h"
#include "charge.h"
#include "table.h"
#include "verdict.h"
#include "vm.h"

#define VMS   9
#define STEPS 400
#define MS    8000

static unsigned int dice(unsigned int *seed, unsigned int sides)
{
	return rand_r(seed) % sides;
}

/* One of many, and what the test knows of it. */
struct one {
	struct qt_vm vm;
	__u32 level;
	__u64 vram;
	__u32 guarantee;
	bool listed;
};

FIXTURE(users)
{
	int ctl;
	__u64 gpu;
	struct one v[VMS];
};

static int begin(struct one *o, int ctl)
{
	*o = (struct one){ .level = QWAMOS_GPU_LEVEL_MEDIUM };
	return qt_vm_new(&o->vm, ctl, o->level, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP);
}

FIXTURE_SETUP(users)
{
	int i;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	self->gpu = qt_id(self->ctl, "vga-a");
	ASSERT_NE(0, self->gpu);
	for (i = 0; i < VMS; i++)
		ASSERT_EQ(0, begin(&self->v[i], self->ctl));
}

FIXTURE_TEARDOWN(users)
{
	int i;

	for (i = 0; i < VMS; i++)
		qt_vm_end(&self->v[i].vm);
	close(self->ctl);
}

static int list(struct one *o, __u64 gpu, bool on)
{
	int ret = qt_give(o->vm.manage, on ? gpu : 0);

	if (!ret)
		o->listed = on;
	return ret;
}

static int charge(struct one *o, __u64 gpu, __u64 amount)
{
	int ret = qt_charge(o->vm.use, QWAMOS_GPU_RESOURCE_VRAM, gpu, amount, NULL);

	if (!ret)
		o->vram += amount;
	return ret;
}

/* As charge(), of a GPU that it may or may not have been given. */
static int try_charge(struct one *o, __u64 gpu, __u64 amount)
{
	bool has = o->listed || o->guarantee;
	int ret = charge(o, gpu, amount);

	if (has)
		return ret;
	return ret == -EACCES && qt_reason == QWAMOS_GPU_REASON_NOT_ASSIGNED ? 0 : -1000;
}

static int uncharge(struct one *o, __u64 gpu, __u64 amount)
{
	int ret = qt_uncharge(o->vm.use, QWAMOS_GPU_RESOURCE_VRAM, gpu, amount, NULL);

	if (!ret)
		o->vram -= amount;
	return ret;
}

static int guarantee(struct one *o, __u64 gpu, __u32 percent)
{
	int ret = qt_set(o->vm.manage,
			 QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = percent,
				.device_id = gpu),
			 NULL);

	if (!ret)
		o->guarantee = percent;
	return ret;
}

static int level(struct one *o, __u32 to)
{
	int ret = qt_set_level(o->vm.manage, to);

	if (!ret)
		o->level = to;
	return ret;
}

/* Something happens to one of them. */
static int step(struct one *o, int ctl, __u64 gpu, unsigned int *seed)
{
	switch (dice(seed, 8)) {
	case 0:
		return list(o, gpu, true);
	case 1:
		return try_charge(o, gpu, 1 + dice(seed, 2));
	case 2:
		return o->vram ? uncharge(o, gpu, dice(seed, 2) ? o->vram : 1) : 0;
	case 3:
		return list(o, gpu, false);
	case 4:
		return guarantee(o, gpu, 3);
	case 5:
		return guarantee(o, gpu, 0);
	case 6:
		return level(o, dice(seed, 3) ? dice(seed, QT_LEVELS) : QWAMOS_GPU_LEVEL_UNTRUSTED);
	}
	if (dice(seed, 3))
		return 0;
	qt_vm_end(&o->vm);
	return begin(o, ctl);
}

static __u32 expected(const struct one *v, int i)
{
	int k;

	for (k = 0; k < VMS; k++)
		if (k != i && (v[k].listed || v[k].guarantee) &&
		    !(qt_levels[v[i].level].may_share && qt_levels[v[k].level].may_share))
			return QWAMOS_GPU_REASON_SHARING;
	return QWAMOS_GPU_REASON_NONE;
}

/* How many of them hear something else than they should. */
static int wrong(struct __test_metadata *_metadata, const struct one *v, __u64 gpu)
{
	int i, got, n = 0;

	for (i = 0; i < VMS; i++) {
		got = qt_check(v[i].vm.use, QWAMOS_GPU_OP_RENDERING_2D, gpu);
		/* Asked after sharing, and only of who may share or has the GPU for itself. */
		if (got == QWAMOS_GPU_REASON_RATE)
			got = QWAMOS_GPU_REASON_NONE;
		if (got != (int)expected(v, i)) {
			TH_LOG("VM %d at level %u: %d, not %u", i, v[i].level, got, expected(v, i));
			n++;
		}
	}
	return n;
}

TEST_F_TIMEOUT(users, any_sequence, 120)
{
	unsigned int seed = 1;
	int i, k, kept_off = 0;

	for (i = 0; i < STEPS; i++) {
		k = dice(&seed, VMS);
		ASSERT_EQ(0, step(&self->v[k], self->ctl, self->gpu, &seed));
		ASSERT_EQ(0, wrong(_metadata, self->v, self->gpu))
		TH_LOG("after step %d, on VM %d", i, k);
		for (k = 0; k < VMS; k++)
			kept_off += expected(self->v, k) != 0;
	}
	/* Both came often enough to mean something. */
	EXPECT_LT(STEPS, kept_off);
	EXPECT_GT(STEPS * VMS - STEPS, kept_off);
}

/* What the GPU is told of all of them. */
TEST_F(users, sums)
{
	struct qwamos_gpu_dev d;

	ASSERT_EQ(0, list(&self->v[0], self->gpu, true));
	ASSERT_EQ(0, list(&self->v[1], self->gpu, true));
	ASSERT_EQ(0, charge(&self->v[0], self->gpu, 100));
	ASSERT_EQ(0, charge(&self->v[1], self->gpu, 20));
	ASSERT_EQ(0, guarantee(&self->v[1], self->gpu, 3));
	ASSERT_EQ(0, guarantee(&self->v[2], self->gpu, 4));
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(120, d.vram_used);
	EXPECT_EQ(7, d.guaranteed);
	qt_vm_end(&self->v[1].vm);
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(100, d.vram_used);
	EXPECT_EQ(4, d.guaranteed);
}

/* What is asked of all at once, by threads. */
struct crowd {
	int ctl;
	const char *id;
	__u64 gpu; /* changes as it is replugged */
	bool there;
	bool stop;
	__u64 asked;
	__u64 failed;
};

static bool stopped(struct crowd *c)
{
	return __atomic_load_n(&c->stop, __ATOMIC_RELAXED);
}

static void expect(struct crowd *c, int ret, int gone)
{
	__atomic_fetch_add(&c->asked, 1, __ATOMIC_RELAXED);
	if (ret < 0 && ret != gone)
		__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
}

/* A VM that asks, with an array now and then, and changes its mind about sharing. */
static void *ask(void *arg)
{
	struct qwamos_gpu_vm_check_entry e[16];
	struct crowd *c = arg;
	struct one o;
	__u64 gpu;
	int i, k;

	expect(c, begin(&o, c->ctl), 0);
	for (i = 0; !stopped(c); i++) {
		gpu = __atomic_load_n(&c->gpu, __ATOMIC_RELAXED);
		expect(c, qt_check(o.vm.use, QWAMOS_GPU_OP_RENDERING_2D, gpu), -ENODEV);
		if (i % 8)
			continue;
		for (k = 0; k < 16; k++)
			e[k] = (struct qwamos_gpu_vm_check_entry){ QWAMOS_GPU_OP_RENDERING_2D, 0 };
		expect(c, qt_check_array_on(o.vm.use, gpu, e, 16), -ENODEV);
		expect(c, level(&o, i % 16 ? QWAMOS_GPU_LEVEL_UNTRUSTED : QWAMOS_GPU_LEVEL_HIGH),
		       0);
	}
	qt_vm_end(&o.vm);
	return NULL;
}

/* VMs that live just long enough to have something of the GPU. */
static void *come_and_go(void *arg)
{
	struct crowd *c = arg;
	struct one o;
	__u64 gpu;

	while (!stopped(c)) {
		expect(c, begin(&o, c->ctl), 0);
		gpu = __atomic_load_n(&c->gpu, __ATOMIC_RELAXED);
		if (!list(&o, gpu, true))
			expect(c, charge(&o, gpu, 1), -ENODEV);
		expect(c, level(&o, QWAMOS_GPU_LEVEL_UNTRUSTED), 0);
		expect(c, guarantee(&o, gpu, 1), -ENODEV);
		qt_vm_end(&o.vm);
	}
	return NULL;
}

/* One that may not share is set so again and again, and stays in the way all the time. */
static void *set_again(void *arg)
{
	struct crowd *c = arg;
	struct one o;

	expect(c, begin(&o, c->ctl), 0);
	expect(c, level(&o, QWAMOS_GPU_LEVEL_UNTRUSTED), 0);
	expect(c, list(&o, c->gpu, true), 0);
	__atomic_store_n(&c->there, true, __ATOMIC_RELEASE);
	while (!stopped(c))
		expect(c, level(&o, QWAMOS_GPU_LEVEL_UNTRUSTED), 0);
	qt_vm_end(&o.vm);
	return NULL;
}

TEST_F_TIMEOUT(users, in_the_way_at_each_moment, 60)
{
	struct crowd c = { .ctl = self->ctl, .gpu = self->gpu };
	long long end = qt_now_ms() + MS / 2;
	__u64 asked = 0, wrong = 0;
	pthread_t t;

	ASSERT_EQ(0, level(&self->v[0], QWAMOS_GPU_LEVEL_HIGH));
	ASSERT_EQ(0, pthread_create(&t, NULL, set_again, &c));
	while (!__atomic_load_n(&c.there, __ATOMIC_ACQUIRE))
		qt_sleep_ms(1);
	while (qt_now_ms() < end) {
		wrong += qt_check(self->v[0].vm.use, QWAMOS_GPU_OP_RENDERING_2D, self->gpu) !=
			 QWAMOS_GPU_REASON_SHARING;
		asked++;
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_LT(1000, asked);
	EXPECT_EQ(0, wrong) TH_LOG("of %llu", asked);
	EXPECT_EQ(0, c.failed);
}

/* Who charges on GPUs that its VM has, had, or never had, while they make room for one another. */
struct charger {
	struct crowd *c;
	int fd;
};

static void *charge_on(void *arg)
{
	struct charger *me = arg;
	__u64 now;
	int i, ret;

	for (i = 0; !stopped(me->c); i++) {
		now = __atomic_load_n(&me->c->gpu, __ATOMIC_RELAXED);
		now -= now > (__u64)i % 12 ? i % 12 : 0;
		ret = qt_charge(me->fd, QWAMOS_GPU_RESOURCE_VRAM, now, 1, NULL);
		expect(me->c, ret == -EACCES ? -ENODEV : ret, -ENODEV);
		if (!ret)
			expect(me->c, qt_uncharge(me->fd, QWAMOS_GPU_RESOURCE_VRAM, now, 1, NULL),
			       0);
	}
	return NULL;
}

/* What one has of a GPU it can give up, also as that is being removed. */
static void *give_up(void *arg)
{
	struct crowd *c = arg;
	struct charger charger = { .c = c };
	struct one o;
	__u64 gpu = 0, now;
	pthread_t t;

	expect(c, begin(&o, c->ctl), 0);
	charger.fd = o.vm.use;
	if (pthread_create(&t, NULL, charge_on, &charger))
		expect(c, -EAGAIN, 0);
	while (!stopped(c)) {
		now = __atomic_load_n(&c->gpu, __ATOMIC_RELAXED);
		/* It has been plugged in anew, often: what was of an old one makes room. */
		if (now != gpu) {
			if (guarantee(&o, now, 1))
				continue;
			gpu = now;
		}
		expect(c, guarantee(&o, gpu, 0), 0);
	}
	pthread_join(t, NULL);
	qt_vm_end(&o.vm);
	return NULL;
}

TEST_F_TIMEOUT(users, give_up_what_is_removed, 120)
{
	struct crowd c = { .ctl = self->ctl, .gpu = qt_id(self->ctl, "bochs") };
	long long end = qt_now_ms() + MS;
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, give_up, &c));
	while (qt_now_ms() < end) {
		qt_sleep_ms(50);
		EXPECT_EQ(0, qt_remove(qt_addr("bochs")));
		EXPECT_EQ(0, qt_rescan());
		__atomic_store_n(&c.gpu, qt_id(self->ctl, "bochs"), __ATOMIC_RELAXED);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	EXPECT_LT(100, c.asked);
	EXPECT_EQ(0, c.failed);
}

/* That there is no such GPU comes before that there is no level. */
TEST_F(users, neither_gpu_nor_level)
{
	struct qt_vm vm;
	struct one o = { 0 };

	ASSERT_EQ(0, qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_NONE,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	o.vm = vm;
	EXPECT_EQ(-ENODEV, guarantee(&o, 1ULL << 40, 1));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(-EINVAL, guarantee(&o, self->gpu, 1));
	qt_vm_end(&vm);
}

/* Operations of one array that ask different things of the GPU. */
TEST_F(users, array_of_all_kinds)
{
	struct qwamos_gpu_vm_check_entry e[64];
	int i;

	ASSERT_EQ(0, level(&self->v[0], QWAMOS_GPU_LEVEL_SYSTEM));
	for (i = 0; i < 64; i++)
		e[i] = (struct qwamos_gpu_vm_check_entry){ i % 2 ? QWAMOS_GPU_OP_PASSTHROUGH
								 : QWAMOS_GPU_OP_RENDERING_2D,
							   QT_P32 };
	ASSERT_EQ(0, qt_check_array_on(self->v[0].vm.use, self->gpu, e, 64));
	ASSERT_EQ(0, level(&self->v[1], QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, list(&self->v[1], self->gpu, true));
	ASSERT_EQ(64, qt_check_array_on(self->v[0].vm.use, self->gpu, e, 64));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(QWAMOS_GPU_REASON_SHARING, e[i].out_verdict);
}

TEST_F_TIMEOUT(users, come_and_go, 120)
{
	static void *(*const does[])(void *) = { ask, ask, come_and_go, come_and_go };
	struct crowd c = { .ctl = self->ctl, .id = "bochs", .gpu = qt_id(self->ctl, "bochs") };
	long long end = qt_now_ms() + MS;
	pthread_t t[4];
	int i, n = 0;

	ASSERT_NE(0, c.gpu);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, does[i], &c));
	while (qt_now_ms() < end) {
		qt_sleep_ms(100);
		EXPECT_EQ(0, qt_remove(qt_addr("bochs")));
		EXPECT_EQ(0, qt_rescan());
		__atomic_store_n(&c.gpu, qt_id(self->ctl, "bochs"), __ATOMIC_RELAXED);
		n++;
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	EXPECT_LT(1, n);
	EXPECT_LT(100, c.asked);
	EXPECT_EQ(0, c.failed);
	/* Nobody has left anything behind. */
	EXPECT_EQ(0, guarantee(&self->v[0], c.gpu, 3));
	EXPECT_EQ(QWAMOS_GPU_REASON_NONE,
		  qt_check(self->v[1].vm.use, QWAMOS_GPU_OP_RENDERING_2D, c.gpu));
}

TEST_HARNESS_MAIN
