# SPDX-License-Identifier: GPL-2.0-only
"""What tools/calls/record is made of."""
