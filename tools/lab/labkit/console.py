# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's kernel prints, and which of it fails a run."""

import re

# Only lines of the kernel: "[    1.234567] text" (with a task or CPU in 6.12's debug kernels).
KERNEL_LINE = re.compile(r"^\s*\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? (.*)")
TROUBLE = re.compile(r"""
    \bBUG:\s | ^kernel\ BUG\ at | \bWARNING:\s(?!.*Spectre)
  | ^Oops | \bOops:\s | ^Internal\ error: | ^Unable\ to\ handle\ kernel
  | ^Kernel\ panic | ^general\ protection\ fault | ^Call\ [Tt]race:
  | ^\s*(?:rcu:\ )?INFO:\ (?:rcu|task|trying|suspicious|possible|inconsistent|NMI)
  | ^(?:rcu|watchdog):\ .*(?:stall|lockup)
  | ^refcount_t: | ^UBSAN: | ^KASAN:\ (?!KernelAddressSanitizer\ init) | ^list_(?:add|del)\ corruption
  | \bobjects\ remaining\b | \bstill\ has\ objects\b
  | ^kmemleak:\ \d+\ new | nobody\ cared | ^Disabling\ IRQ | ^sysfs:\ cannot\ create\ duplicate
  | ^page_owner | bad\ page\ state | ^unregister_netdevice: | ^Out\ of\ memory:
""", re.X | re.I)
CASED = ("BUG:", "WARNING:", "Oops")
FATAL = re.compile(r"Kernel panic|Oops|kernel BUG at|^BUG: |Internal error: ")


def trouble(line):
    """The text of a kernel line that fails the run, or None."""
    m = KERNEL_LINE.match(line)
    if not m:
        return None
    text = m.group(1)
    hit = TROUBLE.search(text)
    if not hit:
        return None
    # "[Firmware Bug]: ", "Warning: " and the like are habits of drivers, not alarms.
    word = hit.group(0).strip()
    if word.upper() in CASED and word not in CASED and word != "Oops:":
        return None
    return line.rstrip()


class Console:
    """Follows the file that QEMU writes the guest's console to."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, encoding="utf-8", errors="replace")
        self.part = ""
        self.lines = []
        self.bad = []
        self.first_bad = None  # where in lines
        self.fatal = False
        self.oom = False
        self.command_ended = False

    def poll(self):
        """Reads what is new."""
        self.part += self.file.read()
        *whole, self.part = self.part.split("\n")
        for line in whole:
            self.lines.append(line.rstrip("\r"))
            if "lab: command ended with status" in line:
                self.command_ended = True
            if " invoked oom-killer: " in line:
                self.oom = True
            hit = trouble(line)
            # A cgroup that takes too much is killed with a trace. So is who takes all of the
            # machine's memory, of which a line of its own tells.
            if hit and self.oom and "Call Trace" in hit:
                self.oom = False
                hit = None
            if hit:
                if not self.bad:
                    self.first_bad = len(self.lines) - 1
                self.bad.append(hit)
                if FATAL.search(hit):
                    self.fatal = True

    def tail(self, count):
        return "\n".join("    " + line for line in (self.lines + [self.part])[-count:])

    def complaint(self, count):
        """The first complaint with what follows: who was called, and where."""
        first = self.lines[self.first_bad:self.first_bad + count]
        return "\n".join("    " + line for line in first)
