#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same of the other QEMUs that check-all has.
# needs: packages bookworm qemu-latest

exec "$(dirname "$0")/../e2e/qemu_view.sh" bookworm latest
