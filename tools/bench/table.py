# SPDX-License-Identifier: GPL-2.0-only
"""Samples of interleaved rounds, and the table of them."""

import statistics
import sys


def title(text):
    print(f"\n{text}\n{'':<44} {'median':>9}    {'least':>8} - {'most':<8} {'ratio':>6}")


def verdict(value, bar, least=False):
    """What a bar says of a value; nothing without one."""
    if bar is None:
        return ""
    holds = value >= bar if least else value <= bar
    return f"at {'least' if least else 'most'} {bar:g}: {'holds' if holds else 'MISSED'}"


class Samples:
    """Values of contenders, one of each for every round (or as many of each)."""

    def __init__(self):
        self.of = {}

    def add(self, name, values):
        self.of.setdefault(name, []).extend(values if isinstance(values, list) else [values])

    def read(self, text, prefix=""):
        """Lines "NAME VALUE"; returns those with more words."""
        others = []
        for words in (line.split() for line in text.splitlines()):
            if len(words) == 2:
                self.add(prefix + words[0], float(words[1]))
            else:
                others.append(words)
        return others

    def median(self, name):
        return statistics.median(self.of[name])

    def ratio(self, name, base):
        """Of each round by itself: what a busy machine does to one round it does to both."""
        return statistics.median(a / b for a, b in zip(self.of[name], self.of[base]))

    def row(self, name, unit, base, bar=None, text=None):
        values, ratio = self.of[name], self.ratio(name, base)
        if len(values) < 9:
            sys.exit(f"bench: {name}: {len(values)} rounds only")
        print(f"{text or name:<44} {self.median(name):>9.1f} {unit:<2} {min(values):>8.1f} - "
              f"{max(values):<8.1f} {ratio:>6.2f}  {verdict(ratio, bar)}")


def measure(runs, contenders):
    """Each contender once in every round."""
    s = Samples()
    for i in range(runs + 1):
        for name, fn in contenders.items():
            values = fn()
            # The first round only warms caches.
            if i:
                s.add(name, values)
    return s
