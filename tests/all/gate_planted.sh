#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A gate that lets the driver read what the caller's memory holds by then, instead of what was
# looked at: gate_race finds it, by each call of the device's in which it shows.
# timeout: 700
# needs: 6.1

cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh
# shellcheck source=tests/lib/gate_planted.sh
. tests/lib/gate_planted.sh

echo "1..3"
check "the gate is built with the fault" plant
lost resource_create
lost execbuffer --topology virgl
exit $bad
