// SPDX-License-Identifier: GPL-2.0-only
/*
 * Engines. When a job is submitted it is known when it starts, which is when the engine is idle and
 * what it waits for has ended, and when it ends. A timer signals its fence then.
 */
#include <linux/dma-fence-unwrap.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "compat.h"
#include "mockdrm.h"

/**
 * struct mock_fence - the end of a job
 * @base: the fence
 * @lock: of @base; its own, for a fence may outlive the device
 * @link: in mock_ring.jobs, which has a reference
 * @client: whose job it is
 * @ring: which engine
 * @start: when the job starts
 * @end: when it ends
 */
struct mock_fence {
	struct dma_fence base;
	spinlock_t lock;
	struct list_head link;
	struct mock_client *client;
	enum mock_ring_id ring;
	ktime_t start;
	ktime_t end;
};

static struct mock_fence *to_mock_fence(struct dma_fence *fence)
{
	return container_of(fence, struct mock_fence, base);
}

static const char *mock_fence_driver_name(struct dma_fence *fence)
{
	return "mockdrm";
}

static const char *mock_fence_timeline_name(struct dma_fence *fence)
{
	static const char *const name[MOCK_RINGS] = { "gfx", "compute" };

	return name[to_mock_fence(fence)->ring];
}

static void mock_fence_release(struct dma_fence *fence)
{
	mock_client_put(to_mock_fence(fence)->client);
	mock_count(MOCK_STAT_FENCES, -1);
	dma_fence_free(fence);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops mock_fence_ops = {
	.get_driver_name = mock_fence_driver_name,
	.get_timeline_name = mock_fence_timeline_name,
	.release = mock_fence_release,
};

/* Under the ring's lock. */
static void mock_ring_finish(struct mock_fence *fence, ktime_t now)
{
	ktime_t end = min(fence->end, now);

	list_del(&fence->link);
	if (ktime_after(end, fence->start))
		fence->client->busy_ns[fence->ring] += ktime_to_ns(ktime_sub(end, fence->start));
	mock_count(MOCK_STAT_GFX_FINISHED + fence->ring, 1);
	dma_fence_signal(&fence->base);
	dma_fence_put(&fence->base);
}

/* Ends the jobs whose time has come. Under the ring's lock. */
static void mock_ring_retire(struct mock_ring *ring, ktime_t now)
{
	struct mock_fence *fence, *next;

	list_for_each_entry_safe(fence, next, &ring->jobs, link) {
		if (ktime_after(fence->end, now))
			break;
		mock_ring_finish(fence, now);
	}
}

static enum hrtimer_restart mock_ring_tick(struct hrtimer *timer)
{
	struct mock_ring *ring = container_of(timer, struct mock_ring, timer);
	struct mock_fence *first;
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	mock_ring_retire(ring, ktime_get());
	first = list_first_entry_or_null(&ring->jobs, struct mock_fence, link);
	/* A submission may have started the timer by now: so not by HRTIMER_RESTART. */
	if (first && !ring->dead)
		hrtimer_start(timer, first->end, HRTIMER_MODE_ABS);
	spin_unlock_irqrestore(&ring->lock, flags);
	return HRTIMER_NORESTART;
}

/**
 * mock_ring_init() - Prepare an idle engine
 * @ring: the engine
 */
void mock_ring_init(struct mock_ring *ring)
{
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->jobs);
	ring->context = dma_fence_context_alloc(1);
	mock_timer_setup(&ring->timer, mock_ring_tick);
}

/**
 * mock_ring_stop() - End all jobs: those that had not ended, by an error
 * @ring: the engine
 */
void mock_ring_stop(struct mock_ring *ring)
{
	struct mock_fence *fence, *next;
	ktime_t now;

	spin_lock_irq(&ring->lock);
	ring->dead = true;
	spin_unlock_irq(&ring->lock);
	hrtimer_cancel(&ring->timer);

	spin_lock_irq(&ring->lock);
	now = ktime_get();
	mock_ring_retire(ring, now);
	list_for_each_entry_safe(fence, next, &ring->jobs, link) {
		dma_fence_set_error(&fence->base, -ENODEV);
		mock_ring_finish(fence, now);
	}
	spin_unlock_irq(&ring->lock);
}

/* Under the ring's lock. */
static void mock_ring_start(struct mock_ring *ring, struct mock_fence *fence,
			    const struct mock_job *job)
{
	ktime_t now = ktime_get();

	fence->start = max3(now, ring->busy_until, job->after);
	fence->end = fence->start;
	if (!job->empty)
		fence->end = ktime_add_us(fence->start, READ_ONCE(mock_job_us));
	ring->busy_until = fence->end;
	dma_fence_init(&fence->base, &mock_fence_ops, &fence->lock, ring->context, ++ring->seqno);
	dma_fence_get(&fence->base);
	list_add_tail(&fence->link, &ring->jobs);
	mock_count(MOCK_STAT_GFX_SUBMITTED + fence->ring, 1);
	if (!ktime_after(fence->end, now))
		mock_ring_retire(ring, now);
	else if (list_is_first(&fence->link, &ring->jobs))
		hrtimer_start(&ring->timer, fence->end, HRTIMER_MODE_ABS);
}

static void mock_fence_discard(struct mock_fence *fence)
{
	mock_client_put(fence->client);
	mock_count(MOCK_STAT_FENCES, -1);
	kfree(fence);
	module_put(THIS_MODULE);
}

/**
 * mock_ring_submit() - Run a job
 * @mock: the device
 * @job: the job
 *
 * Return: a reference to its fence, or an ERR_PTR: -ENODEV once the device is gone.
 */
struct dma_fence *mock_ring_submit(struct mock_dev *mock, const struct mock_job *job)
{
	struct mock_ring *ring = &mock->ring[job->ring];
	struct mock_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	bool dead;

	if (!fence)
		return ERR_PTR(-ENOMEM);
	mock_dev_touch(mock);
	spin_lock_init(&fence->lock);
	fence->client = job->client;
	fence->ring = job->ring;
	kref_get(&job->client->ref);
	__module_get(THIS_MODULE);
	mock_count(MOCK_STAT_FENCES, 1);

	spin_lock_irq(&ring->lock);
	dead = ring->dead;
	if (!dead)
		mock_ring_start(ring, fence, job);
	spin_unlock_irq(&ring->lock);
	if (!dead)
		return &fence->base;
	mock_fence_discard(fence);
	return ERR_PTR(-ENODEV);
}

/**
 * mock_ring_busy_ns() - How long an engine has worked for a client, up to now
 * @ring: the engine
 * @client: the client
 * @id: its number
 */
u64 mock_ring_busy_ns(struct mock_ring *ring, struct mock_client *client, enum mock_ring_id id)
{
	struct mock_fence *fence;
	ktime_t now;
	u64 ns;

	spin_lock_irq(&ring->lock);
	now = ktime_get();
	ns = client->busy_ns[id];
	list_for_each_entry(fence, &ring->jobs, link) {
		if (ktime_after(fence->start, now))
			break;
		if (fence->client == client)
			ns += ktime_to_ns(ktime_sub(min(fence->end, now), fence->start));
	}
	spin_unlock_irq(&ring->lock);
	return ns;
}

static bool mock_fence_ours(struct mock_dev *mock, struct dma_fence *fence)
{
	int i;

	for (i = 0; i < MOCK_RINGS; i++)
		if (fence->context == mock->ring[i].context)
			return true;
	return false;
}

/**
 * mock_job_wait() - Have a job wait for a fence
 * @mock: the device
 * @job: the job
 * @fence: the fence
 *
 * When one of ours ends is known. There is no time for another one: the call waits for it.
 *
 * Return: 0 or -ERESTARTSYS.
 */
int mock_job_wait(struct mock_dev *mock, struct mock_job *job, struct dma_fence *fence)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *f;
	long ret;

	dma_fence_unwrap_for_each(f, &iter, fence)
	{
		if (mock_fence_ours(mock, f)) {
			job->after = max(job->after, to_mock_fence(f)->end);
			continue;
		}
		ret = dma_fence_wait(f, true);
		if (ret) {
			dma_fence_put(iter.chain);
			return ret;
		}
	}
	return 0;
}
