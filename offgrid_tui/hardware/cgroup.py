"""The limits that a container, a service manager or an administrator set: cgroup versions 1 and 2.

A limit may stand on any group between ours and the root, and the tightest counts. Sources: the kernel's
admin-guide/cgroup-v2 and cgroup-v1/memory; proc_pid_mountinfo(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from offgrid_tui.hardware.files import SystemFiles

_NONE = 2**60  # version 1 says "no limit" with the largest multiple of a page


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The group that leaves least room: `used` excludes the page cache that the kernel would drop first. Bytes."""

    limit: int
    used: int

    @property
    def room(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory` is the tightest limit, `room` what the fullest group leaves, `cpus` the CPUs' worth of time granted."""

    memory: MemoryLimit | None
    room: int | None
    cpus: float | None


def limits(files: SystemFiles) -> Limits:
    """The limits of this process."""
    memory = [found for group in _groups(files, "memory") if (found := _memory(files, group))]
    cpus = [quota for group in _groups(files, "cpu") if (quota := _cpus(files, group))]
    return Limits(
        min(memory, key=lambda found: found.limit, default=None),
        min((found.room for found in memory), default=None),
        min(cpus, default=None),
    )


def _groups(files: SystemFiles, controller: str) -> list[PurePosixPath]:
    """The folders of our group and of all above it, for one controller, of both versions where both are mounted."""
    found: list[PurePosixPath] = []
    mounts = _mounts(files, controller)
    for line in files.text("/proc/self/cgroup").splitlines():
        _, names, path = [*line.split(":", 2), "", ""][:3]
        version = 2 if names == "" else 1
        if version == 1 and controller not in names.split(","):
            continue
        for mount_version, root, place in mounts:
            if mount_version == version:
                found += _chain(place, _inside(path, root))
    return found


def _mounts(files: SystemFiles, controller: str) -> list[tuple[int, str, PurePosixPath]]:
    """(version, the group that is mounted, where) of each hierarchy that knows `controller`."""
    found = []
    for line in files.text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, (kind, _, options) = left.split(), [*right.split(), "", "", ""][:3]
        if len(fields) < 5:
            continue
        if kind == "cgroup2":
            found.append((2, fields[3], PurePosixPath(fields[4])))
        elif kind == "cgroup" and controller in options.split(","):
            found.append((1, fields[3], PurePosixPath(fields[4])))
    return found


def _inside(path: str, root: str) -> PurePosixPath:
    """`path` as seen from the mounted group `root`: a container sees its own group as the mount's top."""
    group = PurePosixPath(path)
    if group.is_relative_to(root):
        return group.relative_to(root)
    return PurePosixPath()


def _chain(place: PurePosixPath, group: PurePosixPath) -> list[PurePosixPath]:
    """The folder of `group` and those above it, up to `place`. A `..` in it leads out of what we can see."""
    parts = () if ".." in group.parts else group.parts
    return [place.joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]


def _memory(files: SystemFiles, group: PurePosixPath) -> MemoryLimit | None:
    # memory.high does not end processes, but whoever passes it is slowed to a crawl: as good as a limit.
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    bounds = [n for name in names if (n := files.number(f"{group}/{name}")) is not None and n < _NONE]
    used = files.number(f"{group}/memory.current")
    if used is None:
        used = files.number(f"{group}/memory.usage_in_bytes")
    if not bounds or used is None:
        return None
    figures = dict(line.split(maxsplit=1) for line in files.text(f"{group}/memory.stat").splitlines() if " " in line)
    cache = figures.get("total_inactive_file", figures.get("inactive_file", "0"))
    return MemoryLimit(min(bounds), max(0, used - (int(cache) if cache.strip().isdigit() else 0)))


def _cpus(files: SystemFiles, group: PurePosixPath) -> float | None:
    quota, _, period = files.text(f"{group}/cpu.max").partition(" ")
    if not quota:
        quota = files.text(f"{group}/cpu.cfs_quota_us")
        period = files.text(f"{group}/cpu.cfs_period_us")
    quota, period = quota.strip(), period.strip()
    if not quota.isdigit() or not period.isdigit() or int(period) == 0 or int(quota) == 0:
        return None  # "max", or version 1's -1: no limit
    return int(quota) / int(period)
