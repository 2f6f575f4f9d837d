"""How fast models would answer here, from the rate at which this machine reads memory."""

from __future__ import annotations

import threading
from pathlib import Path

from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.fit.speed import SpeedEstimator, bytes_per_token
from offgrid_tui.hardware.bandwidth import memory_bandwidth
from offgrid_tui.models.model import Speed


class EstimatedSpeeds:
    """Estimates, said to be such. The memory's rate is measured once (about a second, kept in `cache`), when the first
    speed is asked for; blocking, for worker threads."""

    def __init__(self, cache: Path, fit: FitService) -> None:
        self._cache = cache
        self._fit = fit
        self._lock = threading.Lock()
        self._estimator: SpeedEstimator | None = None

    def __call__(self, path: Path | None, size: int | None, shape: ModelShape | None) -> Speed | None:
        if not size:
            return None
        with self._lock:
            if self._estimator is None:
                hardware = self._fit.snapshot().hardware
                self._estimator = SpeedEstimator(memory_bandwidth(self._cache, hardware))
        found = self._estimator.tokens_per_second(bytes_per_token(size, shape))
        return None if found is None else Speed(found, measured=False)
