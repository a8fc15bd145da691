#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The hash chains of the audit log, verified by other code than the module's.
exec python3 "$(dirname "$0")/../lib/audit_chain.py"
