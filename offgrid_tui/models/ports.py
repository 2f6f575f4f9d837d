"""What the list asks of parts that come later or stand above it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.library.model import InstalledModel, ModelState
from offgrid_tui.models.model import Speed

CatalogLoader = Callable[[], tuple[CatalogModel, ...]]  # blocking; what is on this machine
Seen = Callable[[], Awaitable[tuple[CatalogModel, ...]]]  # what was seen on a hub; asks no network


class Speeds(Protocol):
    """How fast a model answers here. `size` in bytes is that of its files; called off the loop."""

    def __call__(self, path: Path | None, size: int | None, shape: ModelShape | None) -> Speed | None: ...


def no_speeds(path: Path | None, size: int | None, shape: ModelShape | None) -> Speed | None:
    """Where nothing was measured."""
    return None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A variant on its way here."""

    state: ModelState  # QUEUED, WAITING, DOWNLOADING, PAUSED or VERIFYING
    progress: float | None = None  # 0 to 1


async def nothing_seen() -> tuple[CatalogModel, ...]:
    """Where no hub is known."""
    return ()


Arrivals = Callable[[], Mapping[str, Arrival]]  # key of a variant -> how far it is


def no_arrivals() -> Mapping[str, Arrival]:
    """Where nothing is transferred."""
    return {}


Bundled = Callable[[], tuple[InstalledModel, ...]]  # models inside the package; blocking


def no_bundled() -> tuple[InstalledModel, ...]:
    """Where the package carries none."""
    return ()


class EngineUsage:
    """Whether the engine uses a file: the library's question, answered by the host. Starts no host."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine

    async def in_use(self, path: Path) -> bool:
        status = await self._engine.status()
        return status is not None and any(
            worker.model == str(path) and (worker.running or worker.waiting) for worker in status.workers
        )

    async def unload(self, path: Path) -> bool:
        status = await self._engine.status()
        if status is None or not any(worker.model == str(path) for worker in status.workers):
            return False
        await self._engine.unload(str(path))
        return True
