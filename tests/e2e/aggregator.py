#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""How tests/run counts what test programs print: no way of failing may pass."""

import contextlib
import io
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Program, Total              # noqa: E402  pylint: disable=wrong-import-position

# name, output, exit status, expected (passed, failed, skipped)
CASES = [
    ("all pass", "1..2\nok 1 a\nok 2 - b", 0, (2, 0, 0)),
    ("the plan at the end", "ok 1 a\nok 2 b\n1..2", 0, (2, 0, 0)),
    ("two groups of cmocka", "1..1\nok 1 - a\n1..1\nok 1 - b", 0, (2, 0, 0)),
    ("one fails", "1..2\nok 1 a\nnot ok 2 b", 1, (1, 1, 0)),
    ("one fails, and yet the status is 0", "1..2\nok 1 a\nnot ok 2 b", 0, (1, 1, 0)),
    ("nothing printed", "", 0, (0, 1, 0)),
    ("nothing printed, and killed", "", 137, (0, 1, 0)),
    ("no plan", "ok 1 a", 0, (1, 1, 0)),
    ("died before the second", "1..2\nok 1 a", 139, (1, 1, 0)),
    ("ended before the second", "1..2\nok 1 a", 0, (1, 1, 0)),
    ("more tests than planned", "1..1\nok 1 a\nok 2 b", 0, (2, 1, 0)),
    ("a bad end after all tests", "1..1\nok 1 a", 3, (1, 1, 0)),
    ("killed after all tests", "1..1\nok 1 a", 134, (1, 1, 0)),
    ("out of time after all tests", "1..1\nok 1 a", 124, (1, 1, 0)),
    ("skipped, as kselftest says it", "1..2\nok 1 a\nok 2 # SKIP no such device", 0, (1, 0, 1)),
    ("skipped, as cmocka says it", "1..1\n# skipped: no root\nnot ok 1 # SKIP a", 0, (0, 0, 1)),
    ("cmocka's name is no reason", "1..1\nnot ok 1 # SKIP a", 0, (0, 1, 0)),
    ("skipped with a name", "1..1\nok 1 - a # SKIP why", 4, (0, 0, 1)),
    ("skipped without a reason", "1..1\nok 1 - a # SKIP", 0, (0, 1, 0)),
    ("all of it skipped", "1..0 # SKIP no such kernel", 0, (0, 0, 1)),
    ("a plan of nothing", "1..0", 0, (0, 1, 0)),
    ("given up", "1..2\nok 1 a\nBail out! no device", 1, (1, 1, 0)),
    ("noise", "TAP version 13\n1..1\n# ok 5 no test\nok, then\n    ok 1 nested\nok 1 a", 0,
     (1, 0, 0)),
    ("to be done is no excuse", "1..1\nnot ok 1 a # TO" + "DO later", 1, (0, 1, 0)),
]


def main():
    print(f"1..{len(CASES)}")
    bad = 0
    for number, (name, output, status, want) in enumerate(CASES, 1):
        total = Total(False)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            program = Program(total, "x")
            for line in output.splitlines():
                program.line(line)
            program.end(status)
        got = (total.passed, total.failed, total.skipped)
        lines = [x for x in said.getvalue().splitlines() if x.startswith(("ok ", "not ok "))]
        # What is printed has to add up to what is counted.
        same = len(lines) == sum(got) and \
            sum(x.startswith("not ok ") for x in lines) == total.failed
        if got == want and same:
            print(f"ok {number} - {name}")
        else:
            bad += 1
            print(f"not ok {number} - {name}\n# counted {got}, wanted {want}, printed {lines}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
