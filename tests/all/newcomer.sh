#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make demo as the first command of a clean clone, with an empty cache, on this machine.
# needs: packages
# timeout: 1800

exec "$(dirname "$0")/../newcomer/run" --here
