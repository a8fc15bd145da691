#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# qwamos-vfio on a machine whose IOMMU is off.
exec python3 "$(dirname "$0")/../lib/cli_vfio_noload.py" no-iommu
