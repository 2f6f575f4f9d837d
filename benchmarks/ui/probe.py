"""Runs `offgrid` with a clock in its event loop: how late does the loop get to what is due?

    python -m benchmarks.ui.probe RESULT [offgrid's own arguments]

Nothing of OffGrid is changed. The event loop policy hands out loops that call a tick every 10 ms; each notes how much
later it came than asked for. RESULT gets pairs of float64: time.monotonic() and the lateness in seconds.
"""

from __future__ import annotations

import array
import asyncio
import atexit
import sys
import time
import warnings
from pathlib import Path

from offgrid_tui.__main__ import main

TICK = 0.010  # seconds


class Watched(asyncio.DefaultEventLoopPolicy):
    """Loops with a tick in them."""

    def __init__(self, notes: array.array[float]) -> None:
        super().__init__()
        self._notes = notes

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()

        def tick(due: float) -> None:
            now = loop.time()
            self._notes.extend((time.monotonic(), now - due))
            loop.call_at(now + TICK, tick, now + TICK)

        loop.call_soon(tick, loop.time())
        return loop


if __name__ == "__main__":
    result = Path(sys.argv.pop(1))
    noted: array.array[float] = array.array("d")
    # Policies go with Python 3.16, and until then nothing else reaches a loop that the program makes itself.
    warnings.simplefilter("ignore", DeprecationWarning)
    asyncio.set_event_loop_policy(Watched(noted))
    atexit.register(lambda: result.write_bytes(noted.tobytes()))
    raise SystemExit(main())
