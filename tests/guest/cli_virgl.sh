#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 3D in virtio mode, in a guest whose virtio-gpu has it: what is said of it, and a VM that gets it.
# needs: 6.1
exec python3 "$(dirname "$0")/../lib/cli_virgl.py"
