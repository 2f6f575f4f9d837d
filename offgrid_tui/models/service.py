"""One list for every picker, screen and command: what can be had, what is here, who can run it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.database.database import Database
from offgrid_tui.fit.model import Snapshot
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import BusyError, NotFoundError, OffGridError, RefusedError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.events import LibraryChanged
from offgrid_tui.library.model import InstalledModel, ModelState, Origin
from offgrid_tui.library.moves import require
from offgrid_tui.library.reconcile import needs_reading
from offgrid_tui.library.removing import Removal
from offgrid_tui.library.service import Library
from offgrid_tui.library.verifying import Verified
from offgrid_tui.models.active import ActiveModel, most_recent
from offgrid_tui.models.choose import best_variant
from offgrid_tui.models.details import ModelDetails, Removed, VariantDetails
from offgrid_tui.models.events import ModelActivated, ModelsChanged
from offgrid_tui.models.fits import Fits
from offgrid_tui.models.join import Joining, join, key_of, variants_with_fits
from offgrid_tui.models.model import ModelRow
from offgrid_tui.models.ports import (
    Arrivals,
    Bundled,
    CatalogLoader,
    Seen,
    Speeds,
    no_arrivals,
    no_bundled,
    no_speeds,
    nothing_seen,
)

log = logging.getLogger(__name__)


class ModelsService:
    """`start` it once; from then on `rows` is up to date, and ModelsChanged says when to ask again.

    Args:
        catalog: every model that a source lists; blocking, called off the loop.
        fit: says what a model needs.
        speeds: how fast a model answers here.
        arrivals: what is on its way; asked on the loop, so it must answer at once.
        bundled: models inside the package.
        seen: what was seen on a hub before; comes after the catalog, which wins where both have a variant.
    """

    def __init__(
        self,
        catalog: CatalogLoader,
        library: Library,
        fit: FitService,
        database: Database,
        bus: Bus,
        *,
        speeds: Speeds = no_speeds,
        arrivals: Arrivals = no_arrivals,
        bundled: Bundled = no_bundled,
        seen: Seen = nothing_seen,
    ) -> None:
        self.library = library
        self._load_catalog = catalog
        self._fits = Fits(fit)
        self._bus = bus
        self._speeds = speeds
        self._arrivals = arrivals
        self._load_bundled = bundled
        self._seen = seen
        self._active = ActiveModel(database)
        self._catalog: tuple[CatalogModel, ...] = ()
        self._bundled: tuple[InstalledModel, ...] = ()
        self._rows: tuple[ModelRow, ...] = ()
        self._by_key: Mapping[str, ModelRow] = {}
        self._verifying: set[str] = set()
        self._at: Snapshot | None = None
        self._joined = asyncio.Event()
        self._joining = asyncio.Lock()
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reconciling: asyncio.Task[None] | None = None
        self._unsubscribe = bus.subscribe(LibraryChanged, lambda _: self._stale.set())

    # ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self) -> tuple[ModelRow, ...]:
        """Every model, as it was last joined; empty until `ready`."""
        return self._rows

    def row(self, key: str) -> ModelRow:
        """The row `key`.

        Raises:
            NotFoundError: there is none.
        """
        if (row := self._by_key.get(key)) is None:
            raise NotFoundError(f"There is no model {clean_line(key)}", mend="`offgrid list` shows what is here.")
        return row

    def row_of(self, path: Path) -> ModelRow | None:
        """The row of the installed model that `path` is a file of."""
        files = (row for row in self._rows if row.installed is not None)
        return next((row for row in files if row.installed and any(f.path == path for f in row.installed.files)), None)

    @property
    def catalog(self) -> tuple[CatalogModel, ...]:
        """What the rows were joined from."""
        return self._catalog

    @property
    def active(self) -> ModelRow | None:
        """The row of the model that answers; None where none does, or it is a file of no list."""
        return None if self._active.path is None else self.row_of(self._active.path)

    @property
    def active_path(self) -> Path | None:
        """The file of the model that answers."""
        return self._active.path

    async def ready(self) -> None:
        """Wait until the list was joined for the first time."""
        await self._joined.wait()

    async def details(self, key: str) -> ModelDetails:
        """The row `key` with all variants of its model, each with its fit.

        Raises:
            NotFoundError: there is none.
        """
        return await asyncio.to_thread(self._details, self.row(key))

    def stale(self) -> None:
        """Something that the list shows has changed: it is joined again soon."""
        self._stale.set()

    async def refresh(self, *, catalog: bool = False) -> None:
        """Join again, now; with `catalog`, after asking the sources again."""
        if catalog:
            self._catalog = (*await asyncio.to_thread(self._load_catalog), *await self._seen())
        await self._join()

    # ── what a person does ─────────────────────────────────────────────────────────────────────────────────────────

    async def activate(self, key: str) -> Path:
        """Let the model of `key` answer from now on; its file.

        Raises:
            NotFoundError: there is no such row.
            RefusedError: it is not installed, or broken.
        """
        row = self.row(key)
        require(row.name, row.state, ModelState.ACTIVE)
        assert row.installed is not None  # the states that may become active have files
        await self._activate(row.installed.path)
        return row.installed.path

    async def loaded(self, path: Path) -> None:
        """The engine answered from `path`: it is the active one, and was used just now."""
        await self.library.used(path)
        await self._activate(path)

    async def favourite(self, key: str, on: bool | None = None) -> bool:
        """Mark the row `key`, or take the mark away; None turns it round. Returns what holds now.

        Raises:
            NotFoundError: there is no such row.
        """
        on = not self.row(key).favourite if on is None else on
        await self.library.favourite(key, on)
        await self._join()
        return on

    async def plan_removal(self, key: str) -> Removal:
        """What removing the model of `key` would do; ask the user with it.

        Raises:
            NotFoundError, RefusedError: it is not here, pinned, or part of the package.
        """
        return await self.library.plan_removal(self._installed(key).id)

    async def remove(self, key: str) -> Removed:
        """Remove the model of `key`: out of memory first, then its files where they are ours. Where it was the one
        that answers, the one used last takes its place.

        Raises:
            NotFoundError, RefusedError: as `plan_removal`.
            BusyError: it answers just now.
        """
        model = self._installed(key)
        await self.library.plan_removal(model.id)
        if await self.library.usage.in_use(model.path):
            raise BusyError(f"{model.name} answers just now", mend="Stop the answer, or wait for its end.")
        unloaded = await self.library.usage.unload(model.path)
        was_active = self._active.path is not None and self._active.path in {file.path for file in model.files}
        removal = await self.library.remove(model.id)
        successor = None
        if was_active:
            successor = most_recent(self.library.models)
            await self._activate(None if successor is None else successor.path, f"{model.name} was removed")
        await self._join()
        return Removed(removal, unloaded, was_active, successor)

    async def verify(self, key: str) -> Verified:
        """Read the files of the model of `key` again, in the background; its state is VERIFYING meanwhile.

        Raises:
            NotFoundError, RefusedError: it is not here.
        """
        model = self._installed(key)
        require(model.name, self.row(key).state, ModelState.VERIFYING)
        self._verifying.add(model.id)
        try:
            await self._join()
            return await self.library.verify(model.id)
        finally:
            self._verifying.discard(model.id)
            await self._join()

    def _installed(self, key: str) -> InstalledModel:
        row = self.row(key)
        if row.installed is None:
            raise NotFoundError(f"{row.name} is not installed", mend="`offgrid list` shows what is here.")
        if row.installed.origin is Origin.BUNDLED:
            raise RefusedError(
                f"{row.name} is part of OffGrid", detail="It lies inside the package, and is installed with it."
            )
        return row.installed

    # ── its life ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self, *, reconcile: bool = True) -> None:
        """Begin to join in the background; with `reconcile`, look then at what happened to the files meanwhile."""
        await self._active.load()
        self._task = asyncio.create_task(self._run(), name="ModelsService")
        self._stale.set()
        if reconcile:
            self._reconciling = asyncio.create_task(self._reconcile(), name="LibraryReconciler")

    async def close(self) -> None:
        self._unsubscribe()
        for task in (self._task, self._reconciling):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def _run(self) -> None:
        while True:
            await self._stale.wait()
            try:
                if self._joined.is_set():
                    await self._join()
                    continue
                self._catalog, self._bundled = await asyncio.to_thread(self._sources)
                await self._join()
                # What is here is shown first: a hub has tens of thousands, and speeds may have to be measured.
                seen = await self._seen()
                self._catalog += seen
                if seen or self._speeds is not no_speeds:
                    await self._join()
            except OffGridError as error:
                log.warning("the list of models could not be joined: %s", error)
                self._stale.clear()
                self._joined.set()

    def _sources(self) -> tuple[tuple[CatalogModel, ...], tuple[InstalledModel, ...]]:
        """A broken catalog is no reason not to show what is here."""
        try:
            return self._load_catalog(), self._load_bundled()
        except OffGridError as error:
            log.warning("the catalog can't be shown: %s", error)
            return (), ()

    async def _reconcile(self) -> None:
        """First what costs nothing, then, in the background, the bytes of what is new or was touched."""
        await self.ready()
        try:
            await self.library.reconcile(read=False)
            if await asyncio.to_thread(needs_reading, self.library.models):
                await self.library.reconcile(read=True)
        except OffGridError as error:
            log.warning("the models could not be compared with their files: %s", error)

    async def _join(self) -> None:
        """One after the other: what was looked at last is what is shown."""
        async with self._joining:
            await self._join_now()

    async def _join_now(self) -> None:
        self._stale.clear()
        active = self._active.among((*self.library.models, *self._bundled))
        arrivals, speeds = dict(self._arrivals()), self._speeds if self._joined.is_set() else no_speeds

        def work() -> tuple[Snapshot, tuple[ModelRow, ...]]:
            at = self._fits.service.snapshot()
            given = Joining(
                self._catalog,
                (*self.library.models, *self._bundled),
                self.library.marks,
                arrivals,
                None if active is None else active.id,
                frozenset(self._verifying),
                at,
            )
            return at, tuple(join(given, self._fits, speeds))

        self._at, rows = await asyncio.to_thread(work)
        before, self._by_key = self._by_key, {row.key: row for row in rows}
        changed = [key for key, row in self._by_key.items() if before.get(key) != row]
        changed += [key for key in before if key not in self._by_key]
        self._rows = rows
        first = not self._joined.is_set()
        self._joined.set()
        if changed or first:
            self._bus.publish(ModelsChanged(() if first or len(changed) > 100 else tuple(changed)))

    def _details(self, row: ModelRow) -> ModelDetails:
        at = self._at or self._fits.service.snapshot()
        note = mark.note if (mark := self.library.marks.get(row.key)) is not None else ""
        if row.model is None:
            fit = self._fits.of(None, None, row.installed, at)
            return ModelDetails(row, None, (VariantDetails(row.key, None, row.installed, fit, row.speed),), note)
        found = list(variants_with_fits(row.model, (*self.library.models, *self._bundled), self._fits, at))
        best = best_variant([(variant, fit) for variant, _, fit in found], row.parameters)
        variants = tuple(
            VariantDetails(
                key_of(variant, here),
                variant,
                here,
                fit,
                self._speeds(here.path if here else None, variant.size, row.model.shape),
                variant is best,
            )
            for variant, here, fit in found
        )
        return ModelDetails(row, row.model, variants, note)

    async def _activate(self, path: Path | None, reason: str = "") -> None:
        if await self._active.choose(path):
            await self._join()
            row = self.active
            self._bus.publish(ModelActivated(row.key if row is not None else None, path, reason))
