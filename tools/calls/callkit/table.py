# SPDX-License-Identifier: GPL-2.0-only
"""The sandbox's table of calls, as a program that is linked with it prints it."""

import subprocess

from . import names


class Row:
    """One line of it: NAME ERRNO ARG/MASK/VALUE... [# SOURCE]"""

    def __init__(self, line):
        left, _, self.source = line.partition(" # ")
        self.name, err, *rest = left.split()
        self.err = int(err)
        self.compares = [tuple(int(x, 0) for x in r.split("/")) for r in rest]
        self.text = " ".join([self.name] + rest)

    def takes(self, values):
        """@values: {argument: value}"""
        return all(arg in values and values[arg] & mask == value
                   for arg, mask, value in self.compares)


class Table:
    """All of it."""

    def __init__(self, program):
        r = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
        self.rows = [Row(line) for line in r.stdout.splitlines()]

    def rows_for(self, word):
        """Those that let a word of a record pass."""
        name, *details = word.split()
        values = dict(zip(names.DETAIL.get(name, ()), (int(d, 0) for d in details)))
        return [r for r in self.rows if r.name == name and r.takes(values)]

    def refusal(self, word):
        """The errno that the filter itself answers with; 0: it does not; -1: it answers 0."""
        return next((r.err for r in self.rows_for(word) if r.err), 0)

    def unfounded(self, words):
        """Rows that no word needs, and that say of no source why they are there."""
        needed = {id(r) for w in words for r in self.rows_for(w)}
        return [r.text for r in self.rows if id(r) not in needed and not r.source]
