"""How fast bytes may come, and whether they come at all."""

from __future__ import annotations

import time
from collections.abc import Callable

from offgrid_tui.downloads.contract import Patience
from offgrid_tui.downloads.errors import Stalled
from offgrid_tui.downloads.mover.control import Control

_SLICE = 0.1  # seconds that are slept at a time, so that a stop is heard
_BURST = 0.25  # seconds' worth of bytes that may come at once


class Pace:
    """Sleeps where bytes come faster than allowed. The limit may change at any time."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._allowed = 0.0  # bytes that may come now
        self._at = time.monotonic()

    def take(self, count: int) -> float:
        """`count` bytes came. Returns the seconds slept."""
        limit = self._control.limit
        now = time.monotonic()
        if not limit:
            self._at, self._allowed = now, 0.0
            return 0.0
        self._allowed = min(self._allowed + (now - self._at) * limit, limit * _BURST) - count
        self._at = now
        slept = 0.0
        while self._allowed <= -1.0 and (limit := self._control.limit):  # less than a byte is nothing to sleep for
            self._control.check()
            began = time.monotonic()
            time.sleep(min(_SLICE, -self._allowed / limit))
            now = time.monotonic()
            self._allowed += (now - self._at) * limit
            self._at = now
            slept += now - began
        return slept


class Watchdog:
    """Notices a connection over which next to nothing comes: a read's own time-out ends only with silence."""

    def __init__(self, host: str, patience: Patience, limit: Callable[[], int | None]) -> None:
        self._host = host
        self._patience = patience
        self._limit = limit
        self._since = time.monotonic()
        self._received = 0

    def saw(self, count: int, slept: float) -> None:
        """`count` bytes came, after `slept` seconds of our own.

        Raises:
            Stalled: too few in the last seconds.
        """
        self._received += count
        self._since += slept
        passed = time.monotonic() - self._since
        if passed < self._patience.stall:
            return
        limit = self._limit()
        least = self._patience.least if not limit else min(self._patience.least, limit * passed / 4)
        if self._received < least:
            raise Stalled(self._host, passed, self._received)
        self._since, self._received = time.monotonic(), 0
