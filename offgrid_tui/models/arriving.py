"""What is on its way here, from a part that is made after the list: downloads need the library, which comes with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from offgrid_tui.library.model import ModelState
from offgrid_tui.models.ports import Arrival

Source = Callable[[], Mapping[str, tuple[ModelState, float | None]]]
INTERVAL = 1.0  # seconds between two joinings of the whole list for the sake of a figure in it


class Arriving:
    """The list's `Arrivals`: nothing until `source` is set."""

    def __init__(self) -> None:
        self.source: Source = dict
        self._joined = 0.0

    def __call__(self) -> Mapping[str, Arrival]:
        return {key: Arrival(state, progress) for key, (state, progress) in self.source().items()}

    def progressed(self, stale: Callable[[], None]) -> None:
        """Something came: call `stale`, but not often."""
        now = time.monotonic()
        if now - self._joined >= INTERVAL:
            self._joined = now
            stale()
