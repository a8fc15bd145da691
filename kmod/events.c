// SPDX-License-Identifier: GPL-2.0-only
/* Multicast messages of generic netlink: see the uAPI header. */
#include <linux/kfifo.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <linux/qwamos_gpu.h>
#include "compat.h"
#include "events.h"

enum { GROUP_AUDIT, GROUP_STATE };

static const struct genl_multicast_group groups[] = {
	[GROUP_AUDIT] = { .name = QWAMOS_GPU_NL_GROUP_AUDIT, .flags = QGPU_MCAST_CAP_SYS_ADMIN },
	[GROUP_STATE] = { .name = QWAMOS_GPU_NL_GROUP_STATE, .flags = QGPU_MCAST_CAP_SYS_ADMIN },
};

static struct genl_family family __ro_after_init = {
	.name = QWAMOS_GPU_NL_FAMILY,
	.version = QWAMOS_GPU_NL_VERSION,
	.maxattr = QWAMOS_GPU_NL_A_NAME,
	.netnsok = false,
	.module = THIS_MODULE,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/* A state on its way out. */
struct state {
	u64 seq;
	u64 id;
	u32 kind;
	u32 state;
	u32 reason;
	char name[QWAMOS_GPU_NAME_LEN];
};

/* Guards the queue's writers and state_seq. A leaf. */
static DEFINE_SPINLOCK(state_lock);
static DEFINE_KFIFO(states, struct state, 256);
static u64 state_seq;
static u64 audit_seq; /* who sends records sends one after the other */

static void send_states(struct work_struct *work);
static DECLARE_WORK(state_work, send_states);

static struct sk_buff *begin(u32 group, u8 cmd, u64 seq, void **head)
{
	struct sk_buff *skb;

	if (!genl_has_listeners(&family, &init_net, group))
		return NULL;
	skb = genlmsg_new(nla_total_size(sizeof(struct qwamos_gpu_audit_record)) + 128, GFP_KERNEL);
	if (!skb)
		return NULL;
	*head = genlmsg_put(skb, 0, 0, &family, 0, cmd);
	if (*head && !nla_put_u64_64bit(skb, QWAMOS_GPU_NL_A_SEQ, seq, QWAMOS_GPU_NL_A_PAD))
		return skb;
	nlmsg_free(skb);
	return NULL;
}

/* A listener that has no room for it loses it, and sees so by the next number. */
static void end(struct sk_buff *skb, void *head, u32 group)
{
	genlmsg_end(skb, head);
	genlmsg_multicast_netns(&family, &init_net, skb, 0, group, GFP_KERNEL);
}

/**
 * qgpu_events_record() - a record of the audit log
 * @rec: it, sealed
 * @lost: what its chain has lost so far
 *
 * Called for one record after the other, in their order. May sleep. If there is no memory to tell
 * it, its number is missing.
 */
void qgpu_events_record(const struct qwamos_gpu_audit_record *rec, u64 lost)
{
	struct sk_buff *skb;
	void *head;

	skb = begin(GROUP_AUDIT, QWAMOS_GPU_NL_CMD_RECORD, ++audit_seq, &head);
	if (!skb)
		return;
	if (nla_put_u64_64bit(skb, QWAMOS_GPU_NL_A_LOST, lost, QWAMOS_GPU_NL_A_PAD) ||
	    nla_put(skb, QWAMOS_GPU_NL_A_RECORD, sizeof(*rec), rec))
		nlmsg_free(skb);
	else
		end(skb, head, GROUP_AUDIT);
}

static void send_state(const struct state *s)
{
	struct sk_buff *skb;
	void *head;

	skb = begin(GROUP_STATE, QWAMOS_GPU_NL_CMD_STATE, s->seq, &head);
	if (!skb)
		return;
	if (nla_put_u32(skb, QWAMOS_GPU_NL_A_KIND, s->kind) ||
	    nla_put_u64_64bit(skb, QWAMOS_GPU_NL_A_ID, s->id, QWAMOS_GPU_NL_A_PAD) ||
	    nla_put_u32(skb, QWAMOS_GPU_NL_A_STATE, s->state) ||
	    nla_put_u32(skb, QWAMOS_GPU_NL_A_REASON, s->reason) ||
	    nla_put_string(skb, QWAMOS_GPU_NL_A_NAME, s->name))
		nlmsg_free(skb);
	else
		end(skb, head, GROUP_STATE);
}

static void send_states(struct work_struct *work)
{
	struct state s;

	while (kfifo_get(&states, &s))
		send_state(&s);
}

/**
 * qgpu_events_state() - a VM or device is in another state
 * @kind: &enum qwamos_gpu_nl_kind
 * @id: its id
 * @state: the state
 * @reason: &enum qwamos_gpu_reason, or 0
 * @name: its name
 *
 * Does not sleep; it is sent later, by a work item. If too many wait, its number is missing.
 */
void qgpu_events_state(u32 kind, u64 id, u32 state, u32 reason, const char *name)
{
	struct state s = { .id = id, .kind = kind, .state = state, .reason = reason };

	strscpy(s.name, name, sizeof(s.name));
	spin_lock(&state_lock);
	s.seq = ++state_seq;
	kfifo_put(&states, s);
	spin_unlock(&state_lock);
	schedule_work(&state_work);
}

/** qgpu_events_init() - make the family known; return: 0 or a negative errno */
int qgpu_events_init(void)
{
	return genl_register_family(&family);
}

/** qgpu_events_exit() - nothing may be told any more */
void qgpu_events_exit(void)
{
	cancel_work_sync(&state_work);
	genl_unregister_family(&family);
}
