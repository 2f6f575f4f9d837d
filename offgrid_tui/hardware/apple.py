"""Macs: what `sysctl` and `pmset` tell. Nothing here runs on another system."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.model import Battery, Gpu, Memory

Ask = Callable[[Sequence[str]], str]  # a command -> what it prints; empty where it fails
DEADLINE = 2.0  # seconds
# Metal lets a GPU keep two thirds of the memory, of more than 36 GiB three quarters, unless the limit was set.
_SMALL, _LARGE = 2 / 3, 3 / 4
_LARGE_FROM = 36 * 2**30
_PERCENT = re.compile(r"(\d{1,3})%;\s*([a-zA-Z ]+)")


def ask(command: Sequence[str]) -> str:
    """What a command of the system prints. Never raises."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=DEADLINE, check=True)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout


def chip(ask: Ask = ask) -> str:
    """ "Apple M2 Pro"; empty where the system does not say."""
    return clean_line(ask(("sysctl", "-n", "machdep.cpu.brand_string")), 80)


def physical_cores(ask: Ask = ask) -> int | None:
    return _number(ask(("sysctl", "-n", "hw.physicalcpu")))


def read_gpu(memory: Memory, ask: Ask = ask) -> Gpu | None:
    """The GPU beside an Apple processor, which shares all memory with it; None on Intel's Macs."""
    if _number(ask(("sysctl", "-n", "hw.optional.arm64"))) != 1:
        return None
    limit = _number(ask(("sysctl", "-n", "iogpu.wired_limit_mb"))) or 0
    part = _LARGE if memory.total > _LARGE_FROM else _SMALL
    total = min(memory.total, limit * 2**20) if limit else int(memory.total * part)
    return Gpu(chip(ask) or "Apple GPU", total, min(total, memory.available), "Metal", unified=True)


def read_battery(ask: Ask = ask) -> Battery | None:
    text = ask(("pmset", "-g", "batt"))
    if (match := _PERCENT.search(text)) is None:
        return None
    return Battery(min(100, int(match[1])), match[2].strip() == "discharging")


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
