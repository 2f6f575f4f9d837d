"""Across the gap: what the front doors call. Whatever waits for a disk runs off the loop, at low priority."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import NotFoundError, OffGridError, UsageError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import failed
from offgrid_tui.library.events import LibraryProgressed, ModelInstalled, Work
from offgrid_tui.library.importing import Imported
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.place import ALL, Method
from offgrid_tui.library.service import Library
from offgrid_tui.library.work import Job, in_background
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.comparing import compare
from offgrid_tui.transfer.errors import FileTooLarge, NoBundle
from offgrid_tui.transfer.exporting import Base, Exported, export, look, plan_export
from offgrid_tui.transfer.installing import install, read_model
from offgrid_tui.transfer.keys import Key, KeyStore
from offgrid_tui.transfer.media import PART, find_bundles, medium_of
from offgrid_tui.transfer.model import Bundle, BundleModel, Compared
from offgrid_tui.transfer.plan import Plan
from offgrid_tui.transfer.reading import read_bundle
from offgrid_tui.transfer.receipts import Receipt, write_receipt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An export that was planned, and what it was planned on."""

    plan: Plan
    base: Base
    key: Key
    new_key: bool  # it was made for this
    models: tuple[InstalledModel, ...]
    remove_others: bool


class TransferService:
    """Exports from and imports to one library. Tells how far it is as LibraryProgressed.

    Args:
        part: bytes of the parts that files are cut into where a medium refuses them whole.
    """

    def __init__(
        self,
        paths: Paths,
        library: Library,
        bus: Bus,
        keys: KeyStore | None = None,
        clock: Clock | None = None,
        part: int = PART,
    ) -> None:
        self._part = part
        self._paths = paths
        self._library = library
        self._bus = bus
        self._clock = clock or SystemClock()
        self.keys = keys or KeyStore(paths, self._clock)

    # ── outward ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def plan(
        self,
        models: Sequence[InstalledModel],
        folder: Path,
        *,
        part: int | None = None,
        remove_others: bool = False,
        key: str = "",
    ) -> Prepared:
        """What bringing `models` into the bundle in `folder` takes. Writes nothing but, the first time, a key.

        Args:
            part: cut files that are larger into parts of so many bytes; by default only what FAT can't hold.
            remove_others: models that the bundle holds besides go.
            key: name of the key to sign with.

        Raises:
            ForeignBundle: somebody else's bundle is there.
            DamagedError: a model is broken.
            OffGridError: the medium does not answer.
        """

        def work() -> Prepared:
            own = self.keys.own(key)
            try:
                base = look(folder, self.keys)
                medium = medium_of(folder, part)
            except OSError as error:
                raise failed("Looking at the medium", folder, error) from None
            plan = plan_export(models, medium, self._library.shelf.folder, base, remove_others=remove_others)
            return Prepared(plan, base, own or self.keys.create(), own is None, tuple(models), remove_others)

        return await asyncio.to_thread(work)

    async def export(self, prepared: Prepared) -> Exported:
        """Carry out what was planned; see exporting.export. Where the medium turns out to refuse large files, they are
        cut into parts."""
        try:
            return await self._export(prepared)
        except FileTooLarge:
            models, folder = prepared.models, prepared.plan.medium.folder
            remove, key = prepared.remove_others, prepared.key.name
            return await self._export(await self.plan(models, folder, part=self._part, remove_others=remove, key=key))

    async def _export(self, prepared: Prepared) -> Exported:
        plan = prepared.plan
        real = str(plan.medium.folder.absolute())
        lock = self._paths.state / "exports" / f"{hashlib.sha256(real.encode()).hexdigest()[:16]}.lock"
        return await self._work(
            "export",
            str(plan.medium.folder),
            lambda job: export(plan, prepared.base, self.keys, prepared.key, self._clock, job, lock),
        )

    # ── inward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find(self) -> tuple[Path, ...]:
        """Folders on mounted media that hold a bundle."""
        return await asyncio.to_thread(find_bundles)

    async def only_medium(self) -> Path:
        """The one mounted medium with a bundle.

        Raises:
            NotFoundError, UsageError: there is none, or there are several.
        """
        found = await self.find()
        if not found:
            raise NoBundle("every mounted disk and stick")
        if len(found) > 1:
            raise UsageError(
                "Several media hold bundles",
                detail="\n".join(clean_line(str(folder)) for folder in found),
                mend="Name the one that you mean.",
            )
        return found[0]

    async def read(self, folder: Path) -> Bundle:
        """The bundle in `folder`; see reading.read_bundle."""
        try:
            return await asyncio.to_thread(read_bundle, folder, self.keys)
        except OSError as error:
            raise failed("Reading the medium", folder, error) from None

    async def compare(self, bundle: Bundle) -> tuple[Compared, ...]:
        """How each model of the bundle stands against what is here."""
        return compare(bundle, self._library.models)

    async def check(self, bundle: Bundle, model: BundleModel) -> dict[str, str]:
        """Read the model on the medium; path of each bad file -> why."""
        return await self._work("check", model.name, lambda job: read_model(bundle, model, job))

    async def install(self, bundle: Bundle, model: BundleModel, methods: tuple[Method, ...] = ALL) -> Imported:
        """Bring one model in; who calls has asked reading.require_allowed. See installing.install."""
        shelf = self._library.shelf
        done = await self._work("import", model.name, lambda job: install(shelf, bundle, model, job, methods))
        await self._library.reload()
        if not done.already:
            self._bus.publish(ModelInstalled(done.model))
        return done

    async def receipt(
        self, bundle: Bundle, here: Sequence[BundleModel], refused: Sequence[tuple[BundleModel, str]]
    ) -> Receipt:
        """Write what of the bundle is here now; see receipts.write_receipt."""
        try:
            return await asyncio.to_thread(write_receipt, self._paths, bundle, here, refused, self.keys, self._clock)
        except OSError as error:
            raise failed("Writing the receipt", self._paths.state, error) from None

    async def _work(self, work: Work, what: str, do: Callable[[Job], T]) -> T:
        loop = asyncio.get_running_loop()

        def tell(event: LibraryProgressed) -> None:
            loop.call_soon_threadsafe(self._bus.publish, event)

        job = Job(work, what, tell)
        return await in_background(job, lambda: do(job))


def find_model(bundle: Bundle, text: str) -> BundleModel:
    """The model of a bundle that `text` means: its name, its name and quantisation, or its first file.

    Raises:
        NotFoundError, UsageError: none, or several.
    """
    folded = text.casefold()
    found = [
        model
        for model in bundle.models
        if folded in (model.name.casefold(), model.label.casefold(), model.files[0].name.casefold())
        or folded == model.files[0].name.casefold().removesuffix(".gguf")
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(clean_line(model.label) for model in bundle.models[:10])
    kind: type[OffGridError] = UsageError if found else NotFoundError
    title = f"{clean_line(text)} is {'several models' if found else 'no model'} of the bundle"
    raise kind(title, detail=f"It holds {names}.", mend="Name the file.")
