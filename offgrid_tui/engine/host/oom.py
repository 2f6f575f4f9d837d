"""Did the kernel end a worker for lack of memory? Its counters tell; the signal alone (SIGKILL) does not.

Sources: the kernel's cgroup-v2 document (memory.events), memory.oom_control of v1, and oom_kill in /proc/vmstat.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.foundation.units import bytes_text


@dataclass(frozen=True, slots=True)
class OomCounters:
    """Processes that were ended for lack of memory so far; None where the kernel does not say."""

    cgroup: int | None
    system: int | None


class OomWatch:
    """Reads the counters of the cgroup that this process is in, and of the whole system.

    Args:
        proc: where /proc is.
        cgroups: where the cgroup file system is mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc = proc
        self._folder, self._v1 = _own_cgroup(proc, cgroups)

    def read(self) -> OomCounters:
        name = "memory.oom_control" if self._v1 else "memory.events"
        return OomCounters(_field(self._folder / name, "oom_kill"), _field(self._proc / "vmstat", "oom_kill"))

    def explain(self, before: OomCounters) -> str | None:
        """What ran out since `before` was read, in words; None when no process was ended for lack of memory."""
        now = self.read()
        if now.cgroup is not None and before.cgroup is not None and now.cgroup > before.cgroup:
            limit = self._limit()
            return (
                f"the memory limit of this container or session ({bytes_text(limit)})"
                if limit
                else ("the memory limit of a container or session that this one is in")
            )
        if now.system is not None and before.system is not None and now.system > before.system:
            total = _field(self._proc / "meminfo", "MemTotal:")
            return f"the memory of this machine ({bytes_text(total * 1024)})" if total else "the memory of this machine"
        return None

    def _limit(self) -> int | None:
        try:
            text = (self._folder / ("memory.limit_in_bytes" if self._v1 else "memory.max")).read_text()
            limit = int(text)
        except (OSError, ValueError):  # "max": no limit at this level
            return None
        return limit if limit < 2**60 else None


def _own_cgroup(proc: Path, cgroups: Path) -> tuple[Path, bool]:
    """The folder of this process's memory cgroup, and whether it is version 1."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if "memory" in controllers.split(","):
            folder = cgroups / "memory" / path.lstrip("/")
            return (folder if folder.is_dir() else cgroups / "memory"), True
        if controllers == "":
            folder = cgroups / path.lstrip("/")
            if (folder / "memory.events").exists():
                return folder, False
    return cgroups, False


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == name and words[1].isdigit():
            return int(words[1])
    return None
