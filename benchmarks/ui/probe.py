"""Runs `offgrid` with a clock in its event loop: how late does the loop get to what is due?

    python -m benchmarks.ui.probe RESULT [offgrid's own arguments]

Nothing of OffGrid is changed. The event loop policy hands out loops that call a tick every 10 ms; each notes how much
later it came than asked for. RESULT gets pairs of float64, time.monotonic() and the lateness in seconds, about once a
second, so that it is there however the program ends.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
import warnings
from pathlib import Path
from typing import BinaryIO

from offgrid_tui.__main__ import main

TICK = 0.010  # seconds
PAIR = struct.Struct("dd")
PAIRS_AT_ONCE = 100


class Watched(asyncio.DefaultEventLoopPolicy):
    """Loops with a tick in them."""

    def __init__(self, notes: BinaryIO) -> None:
        super().__init__()
        self._notes = notes

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()

        def tick(due: float) -> None:
            now = loop.time()
            self._notes.write(PAIR.pack(time.monotonic(), now - due))
            loop.call_at(now + TICK, tick, now + TICK)

        loop.call_soon(tick, loop.time())
        return loop


def read(result: Path) -> list[tuple[float, float]]:
    """The pairs in RESULT."""
    data = result.read_bytes()
    return list(PAIR.iter_unpack(data[: len(data) // PAIR.size * PAIR.size]))


if __name__ == "__main__":
    # Policies go with Python 3.16, and until then nothing else reaches a loop that the program makes itself.
    warnings.simplefilter("ignore", DeprecationWarning)
    with Path(sys.argv.pop(1)).open("wb", buffering=PAIR.size * PAIRS_AT_ONCE) as result:
        asyncio.set_event_loop_policy(Watched(result))
        code = main()
    raise SystemExit(code)
