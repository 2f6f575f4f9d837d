"""Has the local engine ready: finds it, or has it built while the workstation is open already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from offgrid_tui.engine.build import build_engine, find_engine
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.events import EngineBuildFailed, EngineBuildProgressed, EngineBuilt
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

BuildEvent = EngineBuildProgressed | EngineBuilt | EngineBuildFailed
log = logging.getLogger(__name__)
FindOrBuild = Callable[[Callable[[BuildEvent], None]], Awaitable[object]]


class EngineReadiness:
    """Those who ask wait here until the engine is there, and see how far it is; the bus is told too.

    Args:
        prepare: returns once there is an engine, having told each step; raises OffGridError where there can't be one
            (an EngineError after having told it).
    """

    def __init__(self, bus: Bus, prepare: FindOrBuild) -> None:
        self._bus = bus
        self._prepare = prepare
        self._step: EngineBuildProgressed | None = None
        self._task: asyncio.Task[EngineError | None] | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin to find or build it; again after a failure, since what was missing may have come meanwhile."""
        if self._task is None or (self._task.done() and self._failure() is not None):
            self._step = None
            self._task = asyncio.create_task(self._run(), name="EngineReadiness")
            self._task.add_done_callback(lambda _: self._tell())

    async def wait(self) -> AsyncIterator[tuple[float, float]]:
        """Yield (fraction done, seconds since the build began) now and whenever they change, until there is an engine.

        Raises:
            EngineError: there can't be one now.
        """
        self.start()
        while self._task is not None and not self._task.done():
            changed = self._changed
            if self._step is not None:
                yield self._step.done / max(1, self._step.total), self._step.elapsed_s
            await changed.wait()
        if (error := self._failure()) is not None:
            raise error

    async def close(self) -> None:
        """Watch no longer; a build that runs goes on without us."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _failure(self) -> EngineError | None:
        if self._task is None or self._task.cancelled():
            return EngineError(ErrorCode.CANCELLED, "The workstation is closing")
        return self._task.result()

    async def _run(self) -> EngineError | None:
        try:
            await self._prepare(self._take)
        except EngineError as error:
            return error  # build_engine has told it
        except OffGridError as error:
            failure = EngineError(ErrorCode.ENGINE_MISSING, error.title, detail=error.detail, mend=error.mend)
        except Exception as error:  # the boundary of a background task: without it those who ask would wait for ever
            log.exception("the engine could not be prepared")
            failure = EngineError(ErrorCode.INTERNAL, "The engine could not be prepared", detail=str(error))
        else:
            return None
        self._bus.publish(EngineBuildFailed(failure))
        return failure

    def _take(self, event: BuildEvent) -> None:
        if isinstance(event, EngineBuildProgressed):
            self._step = event
        self._tell()
        self._bus.publish(event)

    def _tell(self) -> None:
        self._changed.set()  # wakes all who wait; who waits from now on gets another one
        self._changed = asyncio.Event()


def find_or_build(paths: Paths, settings: Settings, network: NetworkPolicy) -> FindOrBuild:
    """The engine of this home: what is there already, else a build."""

    async def prepare(publish: Callable[[BuildEvent], None]) -> None:
        if await asyncio.to_thread(find_engine, paths, settings) is None:
            await build_engine(paths, settings, publish, network=network)

    return prepare
