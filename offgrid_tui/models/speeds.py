"""How fast models answer here: as measured, else reckoned from the rate at which this machine reads memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.fit.speed import Measured, SpeedEstimator, bytes_per_token
from offgrid_tui.hardware.bandwidth import memory_bandwidth
from offgrid_tui.models.model import ModelRow, Speed

_FRESH = 5.0  # seconds for which what was measured is not asked for again
_TELLING = 200_000_000  # bytes a token: what reads less lies in caches, and says nothing about the others

MeasuredSpeeds = Callable[[], Mapping[str, float]]  # path of a model -> tokens a second; blocking


class MachineSpeeds:
    """Estimates are said to be such, and corrected by what was measured. The memory's rate is measured once (about a
    second, kept in `cache`), when the first speed is asked for. Blocking, for worker threads."""

    def __init__(self, cache: Path, fit: FitService, measured: MeasuredSpeeds = dict) -> None:
        self._cache = cache
        self._fit = fit
        self._ask_measured = measured
        self._lock = threading.Lock()
        self._estimator: SpeedEstimator | None = None
        self._found: Mapping[str, float] = {}
        self._found_at: float | None = None
        self._reads: dict[str, int] = {}  # path -> bytes a token, of models that were asked about

    def __call__(self, path: Path | None, size: int | None, shape: ModelShape | None) -> Speed | None:
        if not size:
            return None
        reads = bytes_per_token(size, shape)
        if path is not None:
            self._reads[str(path)] = reads
            if (speed := self.measured().get(str(path))) is not None:
                return Speed(speed, measured=True)
        found = self.estimator().tokens_per_second(reads)
        return None if found is None else Speed(found, measured=False)

    def estimator(self) -> SpeedEstimator:
        with self._lock:
            if self._estimator is None:
                bandwidth = memory_bandwidth(self._cache, self._fit.snapshot().hardware)
                self._estimator = SpeedEstimator(bandwidth, self._telling)
            return self._estimator

    def of_rows(self, rows: Iterable[ModelRow]) -> tuple[ModelRow, ...]:
        """The rows, each with its speed where one is known."""
        return tuple(row if row.speed else replace(row, speed=self._of_row(row)) for row in rows)

    def measured(self) -> Mapping[str, float]:
        """Path of a model -> tokens a second that answers had."""
        now = time.monotonic()
        with self._lock:
            if self._found_at is None or now - self._found_at > _FRESH:
                self._found, self._found_at = self._ask_measured(), now
            return self._found

    def _of_row(self, row: ModelRow) -> Speed | None:
        path = row.installed.path if row.installed is not None else None
        return self(path, row.size, row.model.shape if row.model is not None else None)

    def _telling(self) -> Iterable[Measured]:
        """What says something about models that were not measured."""
        found = self._found
        for path, reads in list(self._reads.items()):
            if reads >= _TELLING and (speed := found.get(path)) is not None:
                yield Measured(reads, speed)
