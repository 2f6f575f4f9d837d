"""The library: what the front doors call. Lists are kept in memory; whatever waits for a disk runs off the loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import NotFoundError, OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.library.adopting import Adopted, adopt_store
from offgrid_tui.library.events import (
    LibraryChanged,
    LibraryProgressed,
    ModelBroke,
    ModelInstalled,
    ModelMended,
    ModelRemoved,
    Work,
)
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.importing import Imported, Refused, Wish, import_set
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.moving import Moved, cancel_move, move, recover_move
from offgrid_tui.library.ports import NobodyUses, Promises, Usage, no_promises
from offgrid_tui.library.reconcile import Reconciled, reconcile
from offgrid_tui.library.removing import Removal, plan_removal, remove
from offgrid_tui.library.sets import FileSet
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import sweep
from offgrid_tui.library.storage import Storage, measure
from offgrid_tui.library.store import TOPIC, LibraryStore, Mark
from offgrid_tui.library.verifying import Verified, verify
from offgrid_tui.library.work import Job, in_background
from offgrid_tui.system.paths import Paths

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")
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
        """Read the records, and follow what other processes do to them. A move that was cut off while it switched
        from one folder to the other is finished first: until then there is no folder."""
        await asyncio.to_thread(recover_move, self.shelf)
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

    # ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def reconcile(self, *, read: bool = True) -> Reconciled:
        """Compare the records with the files; tells what broke, was mended or appeared. With `read`, bytes are read
        where that is needed, in the background.

        Raises:
            BusyError: another process changes the files just now.
        """
        if not read:
            found = await asyncio.to_thread(reconcile, self.shelf, Job("reconcile", ""), read=False)
        else:
            found = await self._work("reconcile", "", lambda job: reconcile(self.shelf, job, read=True))
        touched = [*found.broke, *found.mended, *found.appeared, *found.moved, *found.changed]
        if touched:
            await self._changed(*(model.id for model in touched))
        for kind, models in ((ModelBroke, found.broke), (ModelMended, found.mended), (ModelInstalled, found.appeared)):
            for model in models:
                self._bus.publish(kind(model))
        return found

    async def import_set(self, found: FileSet, wish: Wish | None = None, source: str = "") -> Imported:
        """Bring one model in; `importing.find_sets` says what a path holds. See `importing.import_set`.

        Raises:
            OffGridError: what is wrong with it; nothing of it was kept.
        """
        name = found.weights[0].name
        done = await self._work("import", name, lambda job: import_set(self.shelf, found, wish or Wish(), job, source))
        await self._changed(done.model.id)
        if not done.already:
            self._bus.publish(ModelInstalled(done.model))
        return done

    async def arrived(self, model: InstalledModel) -> None:
        """`model` was put in place and recorded by whoever fetched it."""
        await self._changed(model.id)
        self._bus.publish(ModelInstalled(model))

    async def adopt(self, store: Store, *, dry: bool = False) -> tuple[list[Adopted], list[Refused]]:
        """Take the models of another tool's store into the list; reads headers only."""
        adopted, refused = await asyncio.to_thread(adopt_store, self.shelf, store, dry=dry)
        new = [one.model for one in adopted if not one.already]
        if new and not dry:
            await self._changed(*(model.id for model in new))
            for model in new:
                self._bus.publish(ModelInstalled(model))
        return adopted, refused

    async def verify(self, id: str) -> Verified:
        """Read the model's files again, in the background.

        Raises:
            NotFoundError: it is not here.
        """
        model = self.model(id)
        done = await self._work("verify", model.name, lambda job: verify(self.shelf, model, job))
        await self._changed(id)
        if done.model.problem and not model.problem:
            self._bus.publish(ModelBroke(done.model))
        elif model.problem and not done.model.problem:
            self._bus.publish(ModelMended(done.model))
        return done

    async def plan_removal(self, id: str) -> Removal:
        """What removing would do.

        Raises:
            NotFoundError, RefusedError: it is not here, pinned, or part of the package.
        """
        return await asyncio.to_thread(plan_removal, self.shelf, self.model(id))

    async def remove(self, id: str) -> Removal:
        """Remove the model. Who calls has asked the user, and seen to it that nobody uses the model.

        Raises:
            NotFoundError, RefusedError: as `plan_removal`.
        """
        done = await asyncio.to_thread(remove, self.shelf, self.model(id))
        await self._changed(id)
        self._bus.publish(ModelRemoved(done.model, done.frees))
        return done

    async def storage(self, stores: Sequence[Store] = ()) -> Storage:
        """What takes space, with other tools' `stores`."""
        return await asyncio.to_thread(measure, self.shelf, stores)

    async def clean(self) -> int:
        """Delete what imports left that were cut off; bytes that came free."""
        return await asyncio.to_thread(sweep, self.shelf)

    async def move(self, target: Path) -> Moved:
        """Move all files of ours to `target`, in the background; see `moving.move`."""
        done = await self._work("move", str(target), lambda job: move(self.shelf, target, job))
        await self._changed()
        return done

    async def cancel_move(self) -> bool:
        """Give up a move that was not finished; whether there was one."""
        return await asyncio.to_thread(cancel_move, self.shelf)

    async def _work(self, work: Work, what: str, do: Callable[[Job], T]) -> T:
        loop = asyncio.get_running_loop()

        def tell(event: LibraryProgressed) -> None:
            loop.call_soon_threadsafe(self._bus.publish, event)

        job = Job(work, what, tell)
        return await in_background(job, lambda: do(job))

    async def _changed(self, *ids: str) -> None:
        await self.reload()
        self._bus.publish(LibraryChanged(ids))

    async def _mark(self, key: str, change: Callable[[Mark], Mark]) -> None:
        store = self.shelf.store

        def write(conn: apsw.Connection) -> None:
            store.put_mark(conn, key, change(store.marks(conn).get(key, Mark())))

        await self._write(write)

    async def _write(self, change: Callable[[apsw.Connection], None], *ids: str) -> None:
        await self._database.write(change)
        await self._changed(*ids)
