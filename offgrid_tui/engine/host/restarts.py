"""How often a model may be loaded again after its worker died: what dies at once is not started for ever."""

from __future__ import annotations

from collections import deque

from offgrid_tui.foundation.clock import Clock

RESTARTS = 3
WINDOW = 300.0  # seconds


class RestartBudget:
    """Counts the deaths of workers by what was loaded. `key` names the file and its options."""

    def __init__(self, clock: Clock, restarts: int = RESTARTS, window: float = WINDOW) -> None:
        self._clock = clock
        self._restarts = restarts
        self._window = window
        self._deaths: dict[str, deque[float]] = {}

    def died(self, key: str) -> None:
        self._deaths.setdefault(key, deque(maxlen=self._restarts + 1)).append(self._clock.monotonic())

    def deaths(self, key: str) -> int:
        """How often it died within the window."""
        return len(self._recent(key))

    def wait(self, key: str) -> float:
        """Seconds until it may be loaded again; 0 when it may now."""
        recent = self._recent(key)
        if len(recent) <= self._restarts:
            return 0.0
        return max(0.0, recent[0] + self._window - self._clock.monotonic())

    def _recent(self, key: str) -> deque[float]:
        deaths = self._deaths.get(key, deque())
        since = self._clock.monotonic() - self._window
        while deaths and deaths[0] <= since:
            deaths.popleft()
        if not deaths:
            self._deaths.pop(key, None)
        return deaths
