"""Keeps one core busy in a process of its own, for a bounded time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_LOOP = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"


@contextmanager
def busy_core(limit: float = 3600.0) -> Iterator[None]:
    """Another process that wants one core at ordinary priority, until the block ends, at most `limit` seconds."""
    process = subprocess.Popen([sys.executable, "-c", _LOOP, str(limit)])
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the busy process ended after {limit:.0f} s, before the measurement did")
    finally:
        process.kill()
        process.wait()


def condition(busy: bool) -> AbstractContextManager[None]:
    """`busy_core`, or nothing."""
    return busy_core() if busy else nullcontext()
