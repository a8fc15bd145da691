// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu audit */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/audit_text.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"

/* Records that are asked for at once. */
#define PAGE 4096
#define MAX  65536

struct filter {
	const char *vm;
	uint32_t event;
	size_t limit;
};

struct log {
	struct qwamos_gpu_audit_record *recs;
	size_t n;
	uint64_t lost;
};

static bool name_is(const struct qwamos_gpu_audit_record *r, const char *name)
{
	return !strncmp(r->vm_name, name, sizeof(r->vm_name));
}

/* The newest that fit; the kernel can't look for a name, for VMs that are over share it. */
static int collect_vm(int ctl, const struct filter *f, struct log *log, uint32_t *reason)
{
	struct qwamos_gpu_audit_record *recs;
	struct qwamos_gpu_audit_read req;
	uint64_t after = 0;
	size_t i;
	int ret;

	do {
		memset(&req, 0, sizeof(req));
		req.hdr.flags = QWAMOS_GPU_AUDIT_F_AFTER;
		req.after = after;
		req.count = PAGE;
		req.event = f->event;
		ret = qgpu_audit_read(ctl, &req, &recs, reason);
		if (ret)
			return ret;
		for (i = 0; i < req.count; i++) {
			after = recs[i].order;
			if (!name_is(&recs[i], f->vm))
				continue;
			if (log->n == f->limit)
				memmove(log->recs, log->recs + 1, --log->n * sizeof(*recs));
			*QMEM_GROW(log->recs, log->n) = recs[i];
		}
		free(recs);
		log->lost = req.out_lost;
	} while (req.count == PAGE);
	return 0;
}

static int collect(int ctl, const struct filter *f, struct log *log, uint32_t *reason)
{
	struct qwamos_gpu_audit_read req = { .count = f->limit, .event = f->event };
	int ret;

	if (f->vm)
		return collect_vm(ctl, f, log, reason);
	ret = qgpu_audit_read(ctl, &req, &log->recs, reason);
	if (!ret) {
		log->n = req.count;
		log->lost = req.out_lost;
	}
	return ret;
}

static int show(const struct log *log, bool json)
{
	struct json_object *list;
	char line[512];
	size_t i;
	int ret;

	if (json) {
		list = qjson_arr();
		for (i = 0; i < log->n; i++)
			qjson_push(list, audit_json(&log->recs[i]));
		ret = qjson_print(stdout, list);
		json_object_put(list);
		return ret;
	}
	for (i = 0; i < log->n; i++) {
		audit_line(&log->recs[i], line, sizeof(line));
		puts(line);
	}
	if (log->lost)
		fprintf(stderr,
			"qwamos-gpu: %llu older records are gone: there was no room for them\n",
			(unsigned long long)log->lost);
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}

static int number(const char *text, size_t *value)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < 1 || n > MAX)
		return -EINVAL;
	*value = n;
	return 0;
}

/* Return: 0 or an exit status. */
static int parse(int argc, char **argv, struct filter *f, bool *json)
{
	static const struct option options[] = {
		{ "vm", required_argument, NULL, 'v' },
		{ "event", required_argument, NULL, 'e' },
		{ "limit", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int c, event, i;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			f->vm = optarg;
			break;
		case 'e':
			event = qgpu_event_from_name(optarg);
			if (event <= 0) {
				fprintf(stderr,
					"qwamos-gpu: --event: '%s' found; accepted:", optarg);
				for (i = 1; i < QWAMOS_GPU_EV_COUNT; i++)
					fprintf(stderr, " %s", qgpu_event_name(i));
				fputc('\n', stderr);
				return EXIT_USAGE;
			}
			f->event = event;
			break;
		case 'l':
			if (number(optarg, &f->limit)) {
				gpu_fail("--limit: '%s' found, a number from 1 to %d accepted",
					 optarg, MAX);
				return EXIT_USAGE;
			}
			break;
		case 'j':
			*json = true;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		gpu_fail("audit takes no '%s'", argv[optind]);
		return EXIT_USAGE;
	}
	return 0;
}

int gpu_audit(int argc, char **argv)
{
	struct filter f = { .limit = 100 };
	struct log log = { 0 };
	uint32_t reason = 0;
	bool json = false;
	int ctl, ret;

	ret = parse(argc, argv, &f, &json);
	if (ret)
		return ret;
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = collect(ctl, &f, &log, &reason);
	close(ctl);
	if (ret)
		gpu_fail("the audit log can't be read: %s",
			 reason ? qgpu_reason_text(reason) : strerror(-ret));
	else
		ret = show(&log, json);
	free(log.recs);
	return ret ? EXIT_FAILED : 0;
}
