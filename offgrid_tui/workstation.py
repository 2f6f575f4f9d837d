"""The composition root: builds the parts, starts them, and closes them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.chat.events import ModelLoaded
from offgrid_tui.chat.guide import is_guide, temperature
from offgrid_tui.chat.recent import RecentModels
from offgrid_tui.chat.service import ChatService
from offgrid_tui.chat.speeds import measured_speeds
from offgrid_tui.database.database import Database
from offgrid_tui.downloads.events import DownloadChanged, DownloadProgressed
from offgrid_tui.downloads.service import DownloadService
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import Reasoning, Sampling
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.clock import SystemClock
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.models.arriving import Arriving
from offgrid_tui.models.make import make_models
from offgrid_tui.models.service import ModelsService
from offgrid_tui.models.speeds import MachineSpeeds
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.providers.inference import InferenceWorker
from offgrid_tui.providers.local import LocalProvider
from offgrid_tui.providers.protocol import Provider
from offgrid_tui.providers.readiness import EngineReadiness, find_or_build
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

DEADLINE = 6.0  # seconds that each part gets to close; then the next one is closed
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    """One open OffGrid. Made by `open`, in the loop that it lives in; close it there."""

    paths: Paths
    settings: Settings
    database: Database
    bus: Bus
    network: NetworkPolicy
    engine: EngineClient
    provider: Provider
    inference: InferenceWorker
    chat: ChatService
    recent: RecentModels
    fit: FitService
    library: Library
    models: ModelsService
    speeds: MachineSpeeds
    hub: HubService
    downloads: DownloadService
    _parts: AsyncExitStack

    @classmethod
    async def open(
        cls, paths: Paths, settings: Settings, *, provider: Provider | None = None, bus: Bus | None = None
    ) -> Self:
        """Open the home at `paths`.

        Args:
            provider: who answers instead of the local engine; then no engine is looked for.
            bus: the bus to tell everything on, from somebody who wants to hear it from the beginning.

        Raises:
            OffGridError: the database can't be opened; everything is closed again.
        """
        async with AsyncExitStack() as parts:
            clock, bus, network = SystemClock(), bus or Bus(), NetworkPolicy(settings.network)

            database = await asyncio.to_thread(Database.open, paths.database)
            parts.push_async_callback(_close, "database", database.close)
            recent = RecentModels(database)
            tasks = _Tasks()
            parts.push_async_callback(_close, "tasks", tasks.close)
            bus.subscribe(ModelLoaded, lambda event: _remember(tasks, recent, event.loaded.model))

            engine = EngineClient(paths, settings)
            parts.push_async_callback(_close, "engine", engine.close)
            if provider is None:
                readiness = EngineReadiness(bus, find_or_build(paths, settings, network))
                parts.push_async_callback(_close, "engine build", readiness.close)
                readiness.start()
                provider = LocalProvider(engine, readiness)
            parts.push_async_callback(_close, "provider", provider.close)

            inference = InferenceWorker(bus)
            inference.start()
            parts.push_async_callback(_close, "inference", inference.close)

            chat = ChatService(database, inference, provider, bus, clock)
            parts.push_async_callback(_close, "chat", chat.close)
            await chat.start()

            fit = FitService(settings, on_gpu=uses_gpu(paths, settings))
            access = NetworkAccess(network, settings.network)
            hub = HubService(database, access, lambda: load_catalog(paths).publishers, clock=clock)
            parts.push_async_callback(_close, "hub", hub.close)

            speeds = MachineSpeeds(paths.cache, fit, lambda: database.read_now(measured_speeds))
            arriving = Arriving()
            models = make_models(
                paths,
                database,
                bus,
                fit,
                engine,
                clock=clock,
                speeds=speeds,
                arrivals=arriving,
                seen=hub.everything,
            )
            parts.push_async_callback(_close, "library", models.library.close)
            parts.push_async_callback(_close, "models", models.close)
            await models.library.start()
            await models.start()

            downloads = DownloadService(paths, database, bus, access, models.library, settings, clock=clock)
            parts.push_async_callback(_close, "downloads", downloads.close)
            arriving.source = downloads.arrivals
            bus.subscribe(DownloadChanged, lambda _: models.stale())
            bus.subscribe(DownloadProgressed, lambda _: arriving.progressed(models.stale))
            await downloads.start()
            bus.subscribe(ModelLoaded, lambda event: tasks.start(models.loaded(Path(event.loaded.model))))

            return cls(
                paths=paths,
                settings=settings,
                database=database,
                bus=bus,
                network=network,
                engine=engine,
                provider=provider,
                inference=inference,
                chat=chat,
                recent=recent,
                fit=fit,
                library=models.library,
                models=models,
                speeds=speeds,
                hub=hub,
                downloads=downloads,
                _parts=parts.pop_all(),
            )

    async def close(self) -> None:
        """Stop running answers, save, let go of everything; never raises."""
        await self._parts.aclose()

    def sampling(self, model: str | None) -> Sampling:
        """How `model` chooses its words, by the settings."""
        chat = self.settings.chat
        return Sampling(
            temperature=temperature(model, self.settings),
            top_k=chat.top_k,
            top_p=chat.top_p,
            min_p=chat.min_p,
            typical_p=chat.typical_p,
            repetition_penalty=chat.repetition_penalty,
            frequency_penalty=chat.frequency_penalty,
            presence_penalty=chat.presence_penalty,
            penalty_window=chat.penalty_window,
            seed=chat.seed,
            max_tokens=chat.max_tokens,
            stop=chat.stop,
        )

    @property
    def reasoning(self) -> Reasoning:
        """Whether a model that can think should, by the settings."""
        return Reasoning(mode=cast("Literal['auto', 'on', 'off']", self.settings.chat.reasoning))


class _Tasks:
    """Small things that are done in passing."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OffGridError as error:
            log.warning("%s", error)


def _remember(tasks: _Tasks, recent: RecentModels, model: str) -> None:
    """The guide is nobody's choice, so it is not remembered as one."""
    if not is_guide(model):
        tasks.start(recent.remember(model))


async def _close(name: str, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.timeout(DEADLINE):
            await close()
    except TimeoutError:
        log.error("%s did not close within %.0f s", name, DEADLINE)
    except Exception:  # the boundary of the program's end: what comes after must be closed all the same
        log.exception("%s could not be closed", name)
