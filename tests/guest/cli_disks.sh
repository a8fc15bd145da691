#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the host uses is not taken: disks and a network card in the slot of a GPU.
exec python3 "$(dirname "$0")/../lib/cli_disks.py"
