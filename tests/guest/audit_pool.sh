#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The audit log when its pool of pages is far too small.
exec python3 "$(dirname "$0")/../lib/audit_pool.py"
