"""What takes space: models, what was cut off, files that nobody knows, other tools' stores; and the disks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.disk import existing, read_disk
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.model import InstalledModel, Origin
from offgrid_tui.library.receipt import ENDING
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import leftovers
from offgrid_tui.system.filesystem import filesystem_of

MOST = 50_000  # files that are counted in one store


@dataclass(frozen=True, slots=True)
class DiskUse:
    """A disk that something of ours is on. `ours` are the bytes that models and leftovers of ours take there."""

    mount_point: Path
    kind: str
    total: int
    free: int
    ours: int = 0


@dataclass(frozen=True, slots=True)
class ModelUse:
    model: InstalledModel
    on_disk: int  # bytes, as the disk counts them


@dataclass(frozen=True, slots=True)
class Unknown:
    """A file in our folder that belongs to no model; never deleted by us."""

    path: Path
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class OtherStore:
    """Another tool's folder: never changed by us. `adopted` of its models are in the list."""

    tool: str
    folder: Path
    size: int
    adopted: int


@dataclass(frozen=True, slots=True)
class Storage:
    """Everything, largest first."""

    folder: Path  # where the models are, links followed
    models: tuple[ModelUse, ...]
    partials: tuple[
        tuple[Path, int], ...
    ]  # of arrivals that were cut off (`offgrid storage --clean`), and of downloads
    states: int  # bytes of saved conversations' states
    unknown: tuple[Unknown, ...]
    others: tuple[OtherStore, ...]
    disks: tuple[DiskUse, ...]

    @property
    def ours(self) -> int:
        """Bytes of models that lie in our folder."""
        return sum(use.on_disk for use in self.models if use.model.origin not in (Origin.ADOPTED, Origin.BUNDLED))


def measure(shelf: Shelf, stores: Iterable[Store]) -> Storage:
    """Look at all of it. Blocks: counting a large store takes seconds."""
    models = shelf.models()
    uses = sorted((ModelUse(m, _on_disk(f.path for f in m.files)) for m in models), key=lambda use: -use.on_disk)
    partials = (
        *((one.path, one.size) for one in leftovers(shelf)),
        *((folder, size_of(folder)) for folder in sorted(shelf.incoming.glob("download-*"))),
    )
    unknown = tuple(sorted(_unknown(shelf, models), key=lambda one: -one.size))
    others = tuple(
        OtherStore(
            store.tool,
            store.folder,
            size_of(store.folder),
            sum(model.origin is Origin.ADOPTED and model.path.is_relative_to(store.folder) for model in models),
        )
        for store in stores
        if store.folder.is_dir()
    )
    folder = shelf.folder.resolve()
    states = size_of(shelf.paths.data / "states")
    return Storage(folder, tuple(uses), partials, states, unknown, others, _disks(folder, uses, others, partials))


def size_of(folder: Path) -> int:
    """Bytes on disk of all files below `folder`, each inode once; 0 where there is none."""
    seen: set[tuple[int, int]] = set()
    total = count = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))  # noqa: PTH118 - thousands of them
            except OSError:
                continue
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
        count += len(names)
        if count > MOST:
            break
    return total


def _on_disk(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_blocks * 512
        except (OSError, RuntimeError):
            continue
    return total


def _unknown(shelf: Shelf, models: Iterable[InstalledModel]) -> Iterable[Unknown]:
    """Files in our folder that no record names: what is no model, or half of one."""
    from offgrid_tui.gguf.parts import read_model

    known = {file.path for model in models for file in model.files}
    for place, folders, names in os.walk(shelf.folder):
        folders[:] = [name for name in folders if name != shelf.incoming.name]
        for name in names:
            path = Path(place, name)
            if path in known or (name.endswith(ENDING) and path.with_name(name.removesuffix(ENDING)) in known):
                continue
            why = "not a GGUF file"
            if path.suffix.lower() == ".gguf":
                try:
                    read_model(path)
                    why = "belongs to no model in the list"
                except OffGridError as error:
                    why = clean_line(error.title)
            try:
                yield Unknown(path, path.lstat().st_blocks * 512, why)
            except OSError:
                continue


def _disks(
    folder: Path, uses: list[ModelUse], others: tuple[OtherStore, ...], partials: tuple[tuple[Path, int], ...]
) -> tuple[DiskUse, ...]:
    """Of our folder first, then those of adopted models and other tools."""
    found: dict[Path, DiskUse] = {}

    def add(path: Path, size: int) -> None:
        where = filesystem_of(path)
        disk = found.get(where.mount_point)
        if disk is None:
            try:
                space = read_disk(existing(path))
            except OSError:
                return
            disk = DiskUse(where.mount_point, where.kind, space.total, space.free)
        found[where.mount_point] = DiskUse(disk.mount_point, disk.kind, disk.total, disk.free, disk.ours + size)

    add(folder, sum(size for _, size in partials))
    for use in uses:
        ours = use.model.origin not in (Origin.ADOPTED, Origin.BUNDLED)
        add(use.model.path, use.on_disk if ours else 0)
    for other in others:
        add(other.folder, 0)
    return tuple(found.values())
