// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/audit_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/record.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"

#define NS  1000000000LL
#define MIB (1ULL << 20)

/* A growing text in a buffer of fixed size. */
struct text {
	char *buf;
	size_t len;
	size_t at;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->at, t->len - t->at, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->at = t->at + n < t->len ? t->at + n : t->len - 1;
}

/* The length of a name in a field that it may fill. */
#define FIELD(name) (int)strnlen(name, sizeof(name)), name

/* CLOCK_BOOTTIME to the wall clock as it is set now. */
static void wall_time(uint64_t ns, char *buf, size_t len)
{
	struct timespec real, boot;
	struct tm tm;
	int64_t t;
	time_t s;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	t = real.tv_sec * NS + real.tv_nsec - (boot.tv_sec * NS + boot.tv_nsec) + (int64_t)ns;
	s = t / NS;
	buf[0] = '\0';
	if (!localtime_r(&s, &tm))
		return;
	n = strftime(buf, len, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf + n, len - n, ".%03lld", (long long)(t % NS / 1000000));
}

static void upper(const char *name, char *buf, size_t len)
{
	size_t i;

	for (i = 0; name[i] && i + 1 < len; i++)
		buf[i] = toupper((unsigned char)name[i]);
	buf[i] = '\0';
}

/* Bytes, in MiB where it comes out even. */
static void put_bytes(struct text *t, const char *what, uint64_t bytes)
{
	if (bytes % MIB)
		put(t, "%s %llu bytes", what, (unsigned long long)bytes);
	else
		put(t, "%s %llu MiB", what, (unsigned long long)(bytes / MIB));
}

static void put_device(struct text *t, const struct qwamos_gpu_audit_record *r)
{
	if (r->device_name[0])
		put(t, " %.*s", FIELD(r->device_name));
}

static void put_on_device(struct text *t, const struct qwamos_gpu_audit_record *r)
{
	if (r->device_name[0]) {
		put(t, ",");
		put_device(t, r);
	}
}

static void put_denied(struct text *t, const struct qwamos_gpu_audit_record *r, const char *level)
{
	put(t, " %s", libqg_op_name(r->operation));
	if (r->reason == QWAMOS_GPU_REASON_LEVEL)
		put(t, ", not allowed at %s", level);
	else
		put(t, ", %s", libqg_reason_name(r->reason));
	put_on_device(t, r);
}

static void put_vram(struct text *t, const struct qwamos_gpu_audit_record *r)
{
	put_bytes(t, " requested", r->asked);
	put_bytes(t, ", used", r->used);
	put_bytes(t, ", limit", r->limit);
	put_on_device(t, r);
}

/* What follows the event's name and a colon. */
static void put_what(struct text *t, const struct qwamos_gpu_audit_record *r)
{
	char level[16];

	upper(libqg_level_name(r->level), level, sizeof(level));
	switch (r->event) {
	case QWAMOS_GPU_EV_POLICY_CREATED:
	case QWAMOS_GPU_EV_POLICY_CHANGED:
		put(t, " trust level %s", level);
		break;
	case QWAMOS_GPU_EV_OPERATION_ALLOWED:
		put(t, " %s", libqg_op_name(r->operation));
		break;
	case QWAMOS_GPU_EV_OPERATION_DENIED:
	case QWAMOS_GPU_EV_OPERATION_RATE_LIMITED:
		put_denied(t, r, level);
		break;
	case QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED:
		put_vram(t, r);
		break;
	case QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED:
		put(t, " requested %llu Vulkan queues, used %llu, limit %llu", r->asked, r->used,
		    r->limit);
		put_on_device(t, r);
		break;
	case QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED:
		put(t, " requested %llu %%,", r->asked);
		if (r->used)
			put(t, " used %llu %%,", r->used);
		put(t, " limit %llu %%", r->limit);
		put_on_device(t, r);
		break;
	case QWAMOS_GPU_EV_MODE_FALLBACK:
		put(t, " asked for %s, got %s", libqg_mode_name(r->asked),
		    libqg_mode_name(r->used));
		if (r->reason)
			put(t, ", %s", libqg_reason_name(r->reason));
		break;
	case QWAMOS_GPU_EV_VM_KILLED:
		put(t, " %llu process%s, %s", r->asked, r->asked == 1 ? "" : "es",
		    libqg_reason_name(r->reason));
		break;
	case QWAMOS_GPU_EV_VM_ADOPTED:
	case QWAMOS_GPU_EV_VM_OUTSIDER:
		put(t, " process %llu", r->asked);
		break;
	case QWAMOS_GPU_EV_CALL_REFUSED:
		put(t, " call 0x%llx, %s", r->asked, libqg_reason_name(r->reason));
		break;
	case QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED:
		put_device(t, r);
		put(t, ", %s, %s", libqg_vfio_op_name(r->asked), libqg_reason_name(r->reason));
		break;
	case QWAMOS_GPU_EV_DEVICE_SCRUBBED:
		put_device(t, r);
		put(t, ", %llu bytes, %s", r->used, libqg_scrub_name(r->limit));
		break;
	default:
		put_device(t, r);
		if (r->reason)
			put(t, "%s %s", r->device_name[0] ? "," : "", libqg_reason_name(r->reason));
	}
}

void audit_line(const struct qwamos_gpu_audit_record *r, char *buf, size_t len)
{
	char when[64];
	struct text t = { buf, len, 0 };
	size_t colon;

	wall_time(r->time_ns, when, sizeof(when));
	put(&t, "%s %llu/%llu ", when, r->chain, r->seq);
	if (r->vm_name[0])
		put(&t, "%.*s", FIELD(r->vm_name));
	else
		put(&t, "(host)");
	put(&t, " %s:", libqg_event_name(r->event));
	colon = t.at;
	put_what(&t, r);
	if (t.at == colon)
		buf[--t.at] = '\0';
	if (r->count > 1)
		put(&t, " (%llu times)", r->count);
	if (r->flags & QWAMOS_GPU_RECORD_F_MIXED)
		put(&t, " (of several kinds)");
	if (r->flags & QWAMOS_GPU_RECORD_F_CARRIED)
		put(&t, " (carried on)");
	if (r->pid)
		put(&t, " [%.*s, pid %u, uid %u]", FIELD(r->comm), r->pid, r->uid);
}

struct json_object *audit_json(const struct qwamos_gpu_audit_record *r)
{
	struct json_object *o = qaudit_to_json(r);
	char when[64];

	wall_time(r->time_ns, when, sizeof(when));
	qjson_add_str(o, "time", when);
	return o;
}
