"""How much of the machine other people used while something was measured."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")
CALM = 0.15  # of a core: more than that changes what two cores give


class Others:
    """A stretch of time; `cores()` says how many cores those used in it who are neither us nor our children.

    Children that were reaped count by the time they had, those that run by the time they have so far. Linux only:
    elsewhere `cores()` is 0.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._all, self._own = _all_cpu(), _own_cpu()

    def cores(self) -> float:
        wall = time.monotonic() - self._began
        used = (_all_cpu() - self._all) - (_own_cpu() - self._own)
        return max(0.0, used / wall) if wall > 0 else 0.0


def _all_cpu() -> float:
    """Seconds that all cores together were busy since the machine started."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, interrupts, soft, _stolen = (int(field) for field in fields)
    return (user + nice + system + interrupts + soft) / _TICKS


def _own_cpu() -> float:
    """Seconds that this process, its children and their children used."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # it ended meanwhile
            continue
        # What a child's own reaped children used belongs to us as well.
        total += times.user + times.system + times.children_user + times.children_system
    return total
