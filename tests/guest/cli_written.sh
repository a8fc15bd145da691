#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-vfio on machines that were written down; as root, it runs without a guest as well.
exec python3 "$(dirname "$0")/../lib/cli_written.py"
