"""How fast bytes come, over the last seconds; and a count that never runs backwards."""

from __future__ import annotations

from collections import deque

from offgrid_tui.foundation.clock import Clock

WINDOW = 10.0  # seconds
_LEAST = 1.0  # seconds before a rate is shown


class Meter:
    """Of one download. Times are those of the monotonic clock."""

    def __init__(self, clock: Clock, shown: int) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()
        self._told = float("-inf")
        self.shown = shown  # the most that was ever shown

    def saw(self, done: int, *, arriving: bool) -> None:
        """`done` bytes are here. Only `arriving` ones make a rate: reading again what is here is no transfer."""
        self.shown = max(self.shown, done)
        if not arriving:
            self._samples.clear()
            return
        now = self._clock.monotonic()
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()  # begun again
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Bytes in a second; None before there is enough to say."""
        if len(self._samples) < 2:
            return None
        (first, before), (last, after) = self._samples[0], self._samples[-1]
        return (after - before) / (last - first) if last - first >= _LEAST else None

    def eta(self, done: int, total: int | None) -> float | None:
        """Seconds until the end at this rate."""
        rate = self.rate
        return (total - done) / rate if total is not None and rate else None

    def due(self, interval: float) -> bool:
        """Whether so many seconds passed since this was last true."""
        now = self._clock.monotonic()
        if now - self._told < interval:
            return False
        self._told = now
        return True
