"""How fast models would write here, for screens: measured where an answer was, else estimated and marked so."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.fit.speed import SpeedEstimator, bytes_per_token
from offgrid_tui.hardware.bandwidth import memory_bandwidth
from offgrid_tui.hardware.probe import probe
from offgrid_tui.models.model import ModelRow, Speed
from offgrid_tui.models.recommended import estimated_speed


class MachineSpeeds:
    """Blocking: the first question measures how fast this machine reads memory, unless that is in `cache` already."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._estimator: SpeedEstimator | None = None

    def estimator(self) -> SpeedEstimator:
        with self._lock:
            if self._estimator is None:
                self._estimator = SpeedEstimator(memory_bandwidth(self._cache, probe()))
            return self._estimator

    def of_rows(self, rows: Iterable[ModelRow]) -> tuple[ModelRow, ...]:
        """The rows, with an estimate where nothing was measured."""
        estimator = self.estimator()
        return tuple(row if row.speed else replace(row, speed=estimated_speed(row, estimator)) for row in rows)

    def of_file(self, size: int | None, shape: ModelShape | None) -> Speed | None:
        """An estimate for `size` bytes of weights."""
        found = self.estimator().tokens_per_second(bytes_per_token(size, shape)) if size else None
        return None if found is None else Speed(found, measured=False)
