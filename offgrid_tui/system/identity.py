"""Names processes so that a number which the kernel gave to another one later is not mistaken for the first."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process. `scope` names the boot and the process-id namespace in which `pid` counts; `started` is the start
    time in the kernel's own unit, kept as text."""

    scope: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.scope}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> ProcessName | None:
        """The name in `text`, as `str` wrote it; None where it is none."""
        parts = text.rsplit("/", 2)
        if len(parts) != 3 or not parts[1].isdigit():
            return None
        return cls(parts[0], int(parts[1]), parts[2])


def name_process(pid: int | None = None) -> ProcessName | None:
    """The name of process `pid` (of this one where None); None where there is none, or only its zombie."""
    pid = os.getpid() if pid is None else pid
    started = _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)
    return None if started is None else ProcessName(_scope(), pid, started)


def is_alive(name: ProcessName | str) -> bool:
    """Whether the process that was named so still runs. One of another boot or container is taken for gone: it
    cannot be seen from here."""
    known = ProcessName.parse(name) if isinstance(name, str) else name
    return known is not None and known.scope == _scope() and name_process(known.pid) == known


@cache
def _scope() -> str:
    """This boot and this process-id namespace; empty where the system has neither."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started_linux(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat (proc(5)), in clock ticks since boot."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _started_elsewhere(pid: int) -> str | None:
    """For systems without /proc. psutil costs 45 ms to load, which Linux is spared."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None
