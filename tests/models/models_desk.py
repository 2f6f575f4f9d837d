"""A list of models over a real library and a small catalog of made files."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Proof, Source, Tier, Variant
from offgrid_tui.database.database import Database
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.hardware.model import Cpu, Hardware, Memory
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.place import Method
from offgrid_tui.library.ports import Promise
from offgrid_tui.library.service import Library
from offgrid_tui.models.ports import Arrival
from offgrid_tui.models.service import ModelsService
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from tests.library import made_models

GIB = 2**30
MACHINE = Hardware(
    memory=Memory(16 * GIB, 12 * GIB, 0, 0, None, None),
    cpu=Cpu("made", "x86_64", 8, 4, 8, 4, None, ("AVX2",)),
    gpus=(),
    gpu_problem="",
    system="made",
    kernel="0",
    hostname="made",
)


class EngineThat:
    """What the engine says of files, as a test wants it."""

    def __init__(self) -> None:
        self.answering: set[Path] = set()
        self.loaded: set[Path] = set()
        self.unloaded: list[Path] = []

    async def in_use(self, path: Path) -> bool:
        return path in self.answering

    async def unload(self, path: Path) -> bool:
        if path in self.answering:
            raise BusyError("it answers")
        self.unloaded.append(path)
        return path in self.loaded


class Desk:
    """`catalog` lists what is asked for with `listed`; both may change while the desk is open."""

    def __init__(self, home: Paths, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.bus = Bus()
        self.told: list[object] = []
        self.bus.subscribe(object, self.told.append)
        self.database = Database.open(home.database)
        self.engine = EngineThat()
        self.catalog: list[CatalogModel] = []
        self.promises: dict[str, Promise] = {}
        self.arrivals: dict[str, Arrival] = {}
        self.library = Library(home, self.database, self.bus, promises=self.promises.get, usage=self.engine)
        self.models = ModelsService(
            lambda: tuple(self.catalog),
            self.library,
            FitService(Settings(), hardware=lambda: MACHINE),
            self.database,
            self.bus,
            arrivals=lambda: self.arrivals,
        )

    async def open(self, *, reconcile: bool = False) -> None:
        await self.library.start()
        await self.models.start(reconcile=reconcile)
        await self.models.ready()

    async def close(self) -> None:
        await self.models.close()
        await self.library.close()
        await self.database.close()

    def listed(self, id: str, sizes: dict[str, int], *, proof: Proof = Proof.PROVEN, **more: object) -> CatalogModel:
        """A model of the catalog with one variant for each quantisation, of so many bytes."""
        variants = tuple(
            Variant(
                quantisation,
                f"org/{id}",
                (CatalogFile(f"{id}-{quantisation}.gguf", size, "0" * 64),),
                tier=Tier.VERIFIED,
                proof=proof,
            )
            for quantisation, size in sizes.items()
        )
        model = CatalogModel(id, id.title(), Source.CATALOG, variants, kinds=(Kind.CHAT,), **more)  # type: ignore[arg-type]
        self.catalog.append(model)
        return model

    async def here(self, name: str, *, seed: int, of: Variant | None = None) -> InstalledModel:
        """Bring a made model in; `of` is the variant whose bytes it turns out to be."""
        (file,) = made_models.model(self.folder / f"{name}.gguf", seed=seed, name=name)
        if of is not None:
            self.promises[made_models.sha256(file)] = Promise(of.key, name, of.repository, of.files[0].path)
        (found,), _ = find_sets(file)
        done = await self.library.import_set(found, Wish((Method.COPY,)))
        await self.models.refresh()
        return done.model
