"""What an export will write, leave and take away: decided before a byte is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import InstalledFile, InstalledModel
from offgrid_tui.transfer.layout import PARTIAL, TEXTS, part_name
from offgrid_tui.transfer.manifest import all_pieces, safe_path
from offgrid_tui.transfer.media import Medium
from offgrid_tui.transfer.model import BundleModel
from offgrid_tui.transfer.naming import Named, named

SPARE = 2**20  # bytes for the small files, and for what a filesystem needs itself


@dataclass(frozen=True, slots=True)
class PlannedPiece:
    path: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that is written, whole or in parts."""

    source: InstalledFile
    path: str
    pieces: tuple[PlannedPiece, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """An export. Sizes in bytes."""

    medium: Medium
    write: tuple[Named, ...]  # models that are written
    files: tuple[tuple[PlannedFile, ...], ...]  # of each of them
    keep: tuple[BundleModel, ...]  # models of the bundle that stay as they are
    remove: tuple[BundleModel, ...]  # models of the bundle that go
    stray: tuple[str, ...]  # files that nothing needs: of an export that was cut off, or of a model that goes
    needed: int  # bytes that are not on the medium yet
    frees: int  # bytes that come free first

    @property
    def bytes(self) -> int:
        """Of all that is written."""
        return sum(file.source.size for files in self.files for file in files)

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all files that the plan writes."""
        return tuple(piece.path for files in self.files for file in files for piece in file.pieces)

    @property
    def nothing(self) -> bool:
        """Whether the medium holds all of it already."""
        return not self.write and not self.remove and not self.stray


def make_plan(
    models: Sequence[InstalledModel],
    medium: Medium,
    library: Path,
    there: tuple[BundleModel, ...],
    sizes: dict[str, int],
    ours: frozenset[str],
    *,
    remove_others: bool = False,
) -> Plan:
    """What bringing `models` to `medium` takes.

    Args:
        library: our models folder.
        there: the models of the bundle that is there.
        sizes: the files below its root, with their sizes.
        ours: paths that an export which was cut off would have written.
        remove_others: models of the bundle that are not among `models` go.

    Raises:
        DamagedError: a model is broken.
        RefusedError: a file lies among the bundle's that nobody listed.
    """
    for model in models:
        if model.problem:
            raise DamagedError(
                f"{clean_line(model.name)} is broken",
                detail=clean_line(model.problem, 300),
                mend="Import or download it again before it is exported.",
            )
    intact = [one for one in there if all(sizes.get(p.path) == p.size for f in one.files for p in f.pieces)]
    wanted = {tuple(file.sha256 for file in model.files): model for model in models}
    keep = [one for one in intact if one.hashes in wanted or not remove_others]
    kept = {one.hashes for one in keep}
    # Other bytes of the same file take its place: the stick holds one version of a thing.
    fresh = [model for hashes, model in wanted.items() if hashes not in kept]
    replaced = {id(one) for one in keep if any(_same_thing(one, model) for model in fresh)}
    keep = [one for one in keep if id(one) not in replaced]
    gone = [one for one in there if one not in keep]
    taken = [(file.path, file.sha256) for one in keep for file in one.files]
    write = named(fresh, library, taken)
    held = {path for one in keep for path in (*all_pieces([one]), *one.papers)}
    files = tuple(
        tuple(
            PlannedFile(source, safe_path(path), _pieces(path, source.size, medium))
            for path, source in zip(one.paths, one.model.files, strict=True)
        )
        for one in write
    )
    planned = {piece.path: piece.size for one in files for file in one for piece in file.pieces}
    old = {path for one in gone for path in (*all_pieces([one]), *one.papers)}
    bytes_of = {file.path: file.source.sha256 for one in files for file in one}
    # Files of another version, under the names that are about to be written.
    other = {
        piece.path
        for one in gone
        for file in one.files
        if bytes_of.get(file.path, file.sha256) != file.sha256
        for piece in file.pieces
    }
    papers = {path for one in write for path in (one.receipt, *one.licences())}
    stray = []
    for path in sizes:
        plain = path.removesuffix(PARTIAL)
        if path in other:
            stray.append(path)
        elif path in held or path in planned or plain in planned or plain in TEXTS or plain in papers:
            continue
        elif path in old or plain in ours or plain in old:
            stray.append(path)
        else:
            raise RefusedError(
                "There are files in offgrid-bundle that are not of the bundle",
                detail=clean_line(path, 300),
                mend="Move them elsewhere: all that lies in it is signed.",
            )
    waiting = sum(
        max(0, size - sizes.get(path + PARTIAL, 0))
        for path, size in planned.items()
        if path not in held and (sizes.get(path) != size or path in other)
    )
    return Plan(
        medium,
        tuple(write),
        files,
        tuple(keep),
        tuple(one for one in gone if one.hashes not in wanted),
        tuple(sorted(stray)),
        waiting + SPARE,
        sum(sizes[path] for path in stray if path not in held),
    )


def _same_thing(there: BundleModel, model: InstalledModel) -> bool:
    """Whether `there` is another version of `model`: the same file of the same repository."""
    return bool(model.repository) and there.repository == model.repository and there.files[0].name == model.path.name


def _pieces(path: str, size: int, medium: Medium) -> tuple[PlannedPiece, ...]:
    sizes = medium.sizes(size)
    if len(sizes) == 1:
        return (PlannedPiece(path, 0, size),)
    found, start = [], 0
    for number, one in enumerate(sizes, 1):
        found.append(PlannedPiece(part_name(path, number), start, one))
        start += one
    return tuple(found)
