"""How many threads llama.cpp should have, where nobody said."""

from __future__ import annotations

import os
from pathlib import Path


def usable() -> int:
    """Logical cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def physical() -> int:
    """Physical cores this process may run on: hyper-threads of one core add nothing to a decode."""
    try:
        allowed = os.sched_getaffinity(0)
        folder = Path("/sys/devices/system/cpu")
        siblings = {(folder / f"cpu{cpu}/topology/thread_siblings_list").read_text() for cpu in allowed}
    except (AttributeError, OSError):
        return usable()
    return len(siblings)


def for_decode() -> int:
    """One less than there are: a core that another process wants makes all the others wait for it."""
    return max(1, physical() - 1)


def for_prefill() -> int:
    return max(1, physical())
