#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Programs that draw, as VMs that share a GPU through gates.
exec python3 "$(dirname "$0")/../lib/cli_gate.py"
