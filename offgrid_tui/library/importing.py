"""Brings a file, a split set or a folder into our own folder, and says how its bytes came there."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError, NotFoundError, OffGridError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.facts import is_projector
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.library.errors import NoSpace
from offgrid_tui.library.facts import facts_of, require_model
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.names import new_id, safe_name, stem_of
from offgrid_tui.library.place import ALL, Method, can_share, place
from offgrid_tui.library.ports import Promise
from offgrid_tui.library.sets import FileSet, group, set_of, walk
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import arrival, commit, require_folder, sweep
from offgrid_tui.library.work import Job

SPARE = 64 * 2**20  # bytes that a copy leaves free: the database needs some of them


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one model. `already`: its bytes were here, and nothing was written."""

    model: InstalledModel
    method: Method | None
    already: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not taken, and why."""

    path: Path
    error: OffGridError


@dataclass(frozen=True, slots=True)
class Wish:
    """How an import is wanted. `sha256` is what somebody promised for a model of one file."""

    methods: tuple[Method, ...] = ALL
    sha256: str | None = None
    name: str = ""


def find_sets(path: Path) -> tuple[list[FileSet], list[Refused]]:
    """The models that `path` (a file or a folder) holds, and files in the folder that can't be taken.

    Raises:
        NotFoundError: there is nothing.
        DamagedError: a folder without a GGUF file.
    """
    if not path.exists():
        raise NotFoundError(f"There is no file or folder {clean_line(str(path))}", mend="Check the path.")
    if not path.is_dir():
        return [set_of(path)], []
    sets, refused = [], []
    root = path.resolve()
    for _, files in walk(path):
        inside = []
        for file in files:
            if why := _leaves(file, root):
                refused.append(Refused(file, why))
            else:
                inside.append(file)
        for found in group(inside, one_repository=True):
            sets.append(found)
    if not sets and not refused:
        raise DamagedError(
            f"There is no model in {clean_line(str(path))}",
            detail="No file below it ends in .gguf.",
            mend="Name the folder that holds the .gguf files.",
        )
    return sets, refused


def import_set(shelf: Shelf, found: FileSet, wish: Wish, job: Job, source: str = "") -> Imported:
    """Bring one model in. Blocks for as long as its bytes take.

    Raises:
        GgufError, NotFoundError: it is no model, or a part is missing.
        DamagedError: its hash is not the promised one.
        NoSpace: there is no room for a copy.
        Stopped: somebody stopped the job.
    """
    header, found = read_set(found)
    sweep(shelf, kept=False)
    if (here := _recorded(shelf, found)) is not None:
        return Imported(here, None, already=True)
    sizes = [path.stat().st_size for path in found.files]
    hashes = _known_bytes(shelf, found, sizes, job)
    if hashes and (twin := _twin(shelf, hashes)) is not None:
        _require_promised(wish, hashes)
        return Imported(twin, None, already=True)
    require_folder(shelf)
    _require_room(shelf, found, sizes, wish.methods)
    with arrival(shelf) as arriving:
        placed = []
        for number, (path, size) in enumerate(zip(found.files, sizes, strict=True)):
            if not hashes:
                job.begin(path.name, size)
            known = hashes[number] if hashes else None
            placed.append(place(path, arriving.part(number), job, wish.methods, known))
        hashes = [one.sha256 for one in placed]
        _require_promised(wish, hashes)
        with shelf.lock():
            if (twin := _twin(shelf, hashes)) is not None:  # another process was faster
                return Imported(twin, None, already=True)
            model = _record(shelf, found, header, sizes, hashes, wish, source)
            model = commit(shelf, arriving, model)
            shelf.forget(*_adopted_twins(shelf, hashes))
    return Imported(model, placed[0].method)


def read_set(found: FileSet) -> tuple[Header, FileSet]:
    """The header of the model, and the set without what is no projector after all.

    Raises:
        GgufError, NotFoundError, OffGridError: see gguf/parts.py; or it is no model of its own.
    """
    for path in found.files:
        _require_file(path)
    header = read_model(found.weights[0])
    require_model(header, found.weights[0].name)
    if found.projector is not None:
        try:
            if not is_projector(read_header(found.projector)):
                found = replace(found, projector=None)
        except OffGridError:
            found = replace(found, projector=None)
    return header, found


def checked(shelf: Shelf, hashes: list[str], wish: Wish) -> tuple[Check, Promise | None]:
    """What is proven of bytes with these hashes, and whose they are: every file has to be of one variant."""
    promises = [shelf.promises(sha256) for sha256 in hashes]
    first = promises[0]
    if first is not None and all(one is not None for one in promises):
        return Check.VERIFIED, first
    return (Check.VERIFIED if wish.sha256 else Check.UNVERIFIED), first


def _record(
    shelf: Shelf, found: FileSet, header: Header, sizes: list[int], hashes: list[str], wish: Wish, source: str
) -> InstalledModel:
    """The model with the places that its files will have."""
    check, promise = checked(shelf, hashes, wish)
    first = found.weights[0].name
    if promise is not None and promise.repository:
        owner, _, repository = promise.repository.partition("/")
    else:
        owner, repository = "local", stem_of(first)
    names = [safe_name(path.name) for path in found.files]
    folder = _free_folder(shelf, safe_name(owner, "local"), safe_name(repository), names)
    known = {model.id for model in shelf.models()}
    weights = len(found.weights)
    return InstalledModel(
        id=new_id(names[0], known),
        name=clean_line(wish.name) or (promise.name if promise else "") or header.name or stem_of(names[0]),
        origin=Origin.IMPORTED,
        files=tuple(
            InstalledFile(folder / name, size, 0.0, sha256, "weights" if number < weights else "projector")
            for number, (name, size, sha256) in enumerate(zip(names, sizes, hashes, strict=True))
        ),
        check=check,
        installed=shelf.clock.wall(),
        facts=facts_of(header, projector=found.projector is not None),
        repository=promise.repository if promise else "",
        revision=promise.revision if promise else "",
        publisher=promise.publisher if promise else "",
        source=clean_line(source or str(found.weights[0].parent)),
        catalog=promise.catalog if promise else "",
    )


def _free_folder(shelf: Shelf, owner: str, repository: str, names: list[str]) -> Path:
    """A folder in which none of `names` is taken: nothing that is there is ever overwritten."""
    number = 1
    while True:
        folder = shelf.folder / owner / (repository if number == 1 else f"{repository}-{number}")
        if not any(os.path.lexists(folder / name) for name in names):
            return folder
        number += 1


def _recorded(shelf: Shelf, found: FileSet) -> InstalledModel | None:
    """The model of ours that these very files are: what is in our folder is not imported again."""
    paths = {path.resolve() for path in found.weights}
    for model in shelf.models():
        if not model.problem and any(file.path.resolve() in paths for file in model.files if shelf.is_ours(file.path)):
            return model
    return None


def _known_bytes(shelf: Shelf, found: FileSet, sizes: list[int], job: Job) -> list[str]:
    """The hashes, computed first only where some model of ours has files of these sizes; else empty, and they come
    with the copy."""
    if not any(
        not model.problem
        and [file.size for file in model.files if file.role == "weights"] == sizes[: len(found.weights)]
        for model in _own(shelf)
    ):
        return []
    hashes = []
    for path, size in zip(found.files, sizes, strict=True):
        job.begin(path.name, size)
        hashes.append(sha256_of(path, job))
    return hashes


def _twin(shelf: Shelf, hashes: list[str]) -> InstalledModel | None:
    """A whole model in our own folder with the same weights."""
    for model in _own(shelf):
        weights = [file.sha256 for file in model.files if file.role == "weights"]
        if not model.problem and weights == hashes[: len(weights)] and len(hashes) - len(weights) <= 1:
            return model
    return None


def _adopted_twins(shelf: Shelf, hashes: list[str]) -> list[str]:
    """Adopted models with these weights: one's own copy takes their place in the list; their files stay."""
    return [
        model.id
        for model in shelf.models()
        if model.origin is Origin.ADOPTED and [f.sha256 for f in model.files if f.role == "weights"] == hashes[:1]
    ]


def _own(shelf: Shelf) -> list[InstalledModel]:
    """An adopted model is not taken for ours: importing it is how a copy of one's own is made."""
    return [model for model in shelf.models() if model.origin not in (Origin.ADOPTED, Origin.BUNDLED)]


def _require_promised(wish: Wish, hashes: list[str]) -> None:
    if wish.sha256 is None:
        return
    if len([sha for sha in hashes if sha]) > 1:
        raise UsageError("One SHA-256 can't prove several files", mend="Import the files without --sha256.")
    if hashes[0] != wish.sha256:
        raise DamagedError(
            "The file is not what was promised",
            detail=f"Its SHA-256 is {hashes[0]}, promised was {wish.sha256}.",
            mend="Fetch it again. Nothing of it was kept.",
        )


def _require_room(shelf: Shelf, found: FileSet, sizes: list[int], methods: tuple[Method, ...]) -> None:
    if Method.HARDLINK in methods and all(can_share(path.resolve(), shelf.incoming) for path in found.files):
        return
    if methods == (Method.REFLINK,):
        return
    needed, free = sum(sizes) + SPARE, read_disk(shelf.folder).free
    # Shared blocks need no room, but whether the filesystem shares is known only once it was tried.
    if needed > free and not _may_reflink(found.weights[0], shelf.incoming, methods):
        raise NoSpace(f"{found.weights[0].name} ({bytes_text(sum(sizes))})", shelf.folder, needed, free)


def _may_reflink(path: Path, folder: Path, methods: tuple[Method, ...]) -> bool:
    from offgrid_tui.system.filesystem import filesystem_of  # read for a full disk only

    if Method.REFLINK not in methods:
        return False
    with contextlib.suppress(OSError):
        return path.stat().st_dev == folder.stat().st_dev and filesystem_of(folder).kind in ("btrfs", "xfs", "bcachefs")
    return False


def _require_file(path: Path) -> None:
    """Sockets, pipes and devices are refused before anything opens them."""
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DamagedError(f"{clean_line(path.name)} is not a file", detail=clean_line(str(path)))


def _leaves(file: Path, root: Path) -> OffGridError | None:
    """Why `file` is not taken with its folder: a link that leads out of it, or nowhere."""
    if not file.is_symlink():
        return None
    try:
        if file.resolve(strict=True).is_relative_to(root):
            return None
        why = "It is a link to a file outside of the folder."
    except (OSError, RuntimeError):
        why = "It is a link to nothing."
    return DamagedError(
        f"{clean_line(file.name)} was not taken", detail=why, mend="Import the file itself where that is meant."
    )
