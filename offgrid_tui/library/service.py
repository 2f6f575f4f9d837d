"""The library: what the front doors call. Lists are kept in memory; whatever waits for a disk runs off the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import NotFoundError, OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.library.events import LibraryChanged
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.ports import NobodyUses, Promises, Usage, no_promises
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.store import TOPIC, LibraryStore, Mark
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:
    import apsw

log = logging.getLogger(__name__)
RETRY = 5.0  # seconds until the change log is looked at again after it could not be read


class Library:
    """Installed models of one home. `start` it before it is asked; it lives in that loop."""

    def __init__(
        self,
        paths: Paths,
        database: Database,
        bus: Bus,
        *,
        promises: Promises = no_promises,
        usage: Usage | None = None,
        clock: Clock | None = None,
        owner: str = "local",
    ) -> None:
        self.shelf = Shelf(paths, database, LibraryStore(paths.models, owner), clock or SystemClock(), promises)
        self.usage: Usage = usage or NobodyUses()
        self._database = database
        self._bus = bus
        self._models: tuple[InstalledModel, ...] = ()
        self._marks: Mapping[str, Mark] = {}
        self._tasks: list[asyncio.Task[None]] = []

    # ── what is here ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """All, by name, as they were last read."""
        return self._models

    @property
    def marks(self) -> Mapping[str, Mark]:
        """Favourites and notes, by key of the row in the joined list."""
        return self._marks

    def model(self, id: str) -> InstalledModel:
        """The installed model `id`.

        Raises:
            NotFoundError: it is not here.
        """
        found = next((model for model in self._models if model.id == id), None)
        if found is None:
            raise NotFoundError(f"{clean_line(id)} is not installed", mend="`offgrid list` shows what is here.")
        return found

    def at(self, path: Path) -> InstalledModel | None:
        """The model that `path` is a file of."""
        return next((m for m in self._models if any(file.path == path for file in m.files)), None)

    async def reload(self) -> None:
        """Read the records again."""
        store = self.shelf.store
        self._models, self._marks = await self._database.read(lambda conn: (store.models(conn), store.marks(conn)))

    # ── its life ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Read the records, and follow what other processes do to them."""
        await self.reload()
        self._tasks.append(asyncio.create_task(self._follow(), name="LibraryFollower"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()

    async def _follow(self) -> None:
        while True:
            try:
                async for change in self._database.follow([TOPIC]):
                    await self.reload()
                    self._bus.publish(LibraryChanged((change.key,) if change.key else ()))
                return  # the database was closed
            except OffGridError as error:
                log.warning("the change log could not be read: %s", error)
            await asyncio.sleep(RETRY)

    # ── what a person chooses ──────────────────────────────────────────────────────────────────────────────────────

    async def favourite(self, key: str, on: bool) -> None:
        """Mark the row `key` of the joined list, installed or not."""
        await self._mark(key, lambda mark: replace(mark, favourite=on))

    async def note(self, key: str, text: str) -> None:
        """Keep `text` with the row `key`; empty takes the note away."""
        await self._mark(key, lambda mark: replace(mark, note=clean(text).strip()))

    async def pin(self, id: str, pinned: bool) -> None:
        """A pinned model is not removed.

        Raises:
            NotFoundError: it is not here.
        """
        self.model(id)
        await self._write(lambda conn: self.shelf.store.set_pinned(conn, id, pinned), id)

    async def used(self, path: Path) -> None:
        """`path` answered just now; nothing where it is not a model of ours."""
        if (model := self.at(path)) is not None:
            now = self.shelf.clock.wall()
            await self._write(lambda conn: self.shelf.store.set_last_used(conn, model.id, now), model.id)

    async def _mark(self, key: str, change: Callable[[Mark], Mark]) -> None:
        store = self.shelf.store

        def write(conn: apsw.Connection) -> None:
            store.put_mark(conn, key, change(store.marks(conn).get(key, Mark())))

        await self._write(write)

    async def _write(self, change: Callable[[apsw.Connection], None], *ids: str) -> None:
        await self._database.write(change)
        await self.reload()
        self._bus.publish(LibraryChanged(ids))
