"""Whether the local engine can be asked yet: it may still be compiling while the workstation is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.clock import Clock, SystemClock


class EngineReadiness:
    """Those who ask wait here until the engine is there, and see how far it is.

    Whoever prepares the engine calls `progressed`, `succeeded` or `failed`. When somebody asks after a failure,
    `retry` is called first: what was missing may have been installed meanwhile.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._fraction: float | None = None
        self._ready = False
        self._error: EngineError | None = None
        self._changed = asyncio.Event()
        self.retry: Callable[[], None] | None = None

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def error(self) -> EngineError | None:
        """Why there is no engine; None while it is being looked for, built, or there."""
        return self._error

    def progressed(self, fraction: float | None) -> None:
        """The build is `fraction` (0 to 1) done; None where that is not known yet."""
        self._fraction = fraction
        self._tell()

    def succeeded(self) -> None:
        self._ready, self._error = True, None
        self._tell()

    def failed(self, error: EngineError) -> None:
        self._error = error
        self._tell()

    async def wait(self) -> AsyncIterator[tuple[float | None, float]]:
        """Yield (fraction done, seconds waited) at once and whenever it changes, until the engine is there.

        Raises:
            EngineError: it could not be built.
        """
        if self._error is not None and self.retry is not None:
            self._error = self._fraction = None
            self.retry()
        started = self._clock.monotonic()
        while not self._ready:
            if self._error is not None:
                raise self._error
            changed = self._changed
            yield self._fraction, self._clock.monotonic() - started
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()  # wakes everybody who waits; those who wait from now on get another one
        self._changed = asyncio.Event()
