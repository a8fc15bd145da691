#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-gpu detect and topology from outside, in a guest with several GPUs.
exec python3 "$(dirname "$0")/../lib/cli_detect.py"
