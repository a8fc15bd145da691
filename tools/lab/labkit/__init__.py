# SPDX-License-Identifier: GPL-2.0-only
"""The parts of tools/lab/run."""


class LabError(Exception):
    """The lab itself failed: the guest could not be set up or started."""
