// SPDX-License-Identifier: LGPL-2.1-or-later
/* The audit log's calls. */
#include "lib/libqwamos-gpu.h"

#include <string.h>

#include "lib/call.h"

int libqg_audit_head(int fd, __u64 chain, struct qwamos_gpu_audit_head *head, __u32 *reason)
{
	memset(head, 0, sizeof(*head));
	head->chain = chain;
	return libqg_call(fd, QWAMOS_GPU_AUDIT_HEAD, &head->hdr, sizeof(*head), reason);
}
