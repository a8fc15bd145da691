#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-vfio before any of its modules is loaded.
exec python3 "$(dirname "$0")/../lib/cli_vfio_noload.py"
