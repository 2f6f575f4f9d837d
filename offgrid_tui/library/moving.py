"""Moves the folder of models to another disk: copy, verify, switch, and only then remove.

`models` in the data folder becomes a symbolic link to the new place, so that every path that is written anywhere
(chats, settings, other programs) stays right. A journal beside it says how far the move is; whatever interrupts it,
the models are whole at one of the two places, and asking again goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError, RefusedError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.disk import existing, read_disk
from offgrid_tui.library.errors import NoSpace, failed
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.importing import SPARE
from offgrid_tui.library.place import Method, place
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import recover, somebody_imports, sweep
from offgrid_tui.library.work import Job
from offgrid_tui.system.durable import atomic_write, sync_folder

JOURNAL = "models-move.json"
_TEMPORARY = ".moving"  # ends the name of a file that is being copied
_OLD = "models.moved"


class Phase(StrEnum):
    """In this order."""

    COPYING = "copying"
    SWITCHING = "switching"
    REMOVING = "removing"


@dataclass(slots=True)
class Journal:
    """`done` are files that are at the new place, whole: their paths below the folder, with size and SHA-256."""

    source: Path
    target: Path
    phase: Phase = Phase.COPYING
    aside: Path | None = None  # what becomes of a folder that a link replaces
    done: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. `stayed` are files at the old place that came there meanwhile, or could not be deleted."""

    folder: Path
    files: int
    size: int
    stayed: tuple[Path, ...] = ()


def unfinished(shelf: Shelf) -> Journal | None:
    """The move that was begun and not finished.

    Raises:
        DamagedError: its journal can't be read.
    """
    path = shelf.paths.data / JOURNAL
    try:
        value: Any = json.loads(path.read_text("utf-8"))
        done = {str(name): (int(size), str(sha)) for name, (size, sha) in value["done"].items()}
        aside = None if value["aside"] is None else Path(value["aside"])
        return Journal(Path(value["source"]), Path(value["target"]), Phase(value["phase"]), aside, done)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError("The journal of a move can't be read", detail=f"{path}: {error}") from None


def move(shelf: Shelf, target: Path, job: Job) -> Moved:
    """Move everything to `target`, which is made, or goes on with a move there. Nobody else imports or removes
    meanwhile; answers go on.

    Raises:
        UsageError: `target` lies in the folder, or is not empty.
        BusyError: another move was not finished, or another process changes the library.
        NoSpace: the new disk is too small.
        Stopped: somebody stopped the job; ask again to go on, or `cancel_move`.
        OffGridError: the system refused; the models stay where they are.
    """
    target = Path(os.path.abspath(target.expanduser()))  # noqa: PTH100 - links stay as they are typed
    recover(shelf)
    sweep(shelf)
    with shelf.lock():
        if somebody_imports(shelf):
            raise BusyError("Another process imports a model just now", mend="Wait until it is done.")
        if others := [entry.name for entry in shelf.incoming.glob("*") if not entry.name.startswith("import-")]:
            raise BusyError(
                "Downloads are not finished",
                detail=f"What came of {len(others)} of them lies in the folder that would be moved.",
                mend="Let them finish, or cancel them: `offgrid downloads`.",
            )
        journal = unfinished(shelf)
        if journal is None:
            journal = _begin(shelf, target)
        elif journal.target != target:
            raise BusyError(
                "Another move was not finished",
                detail=f"It goes to {clean_line(str(journal.target))}.",
                mend="Finish it (`offgrid storage --move` with that folder), or give it up with --cancel-move.",
            )
        try:
            if journal.phase is Phase.COPYING:
                _copy(shelf, journal, job)
            if journal.phase is Phase.SWITCHING:
                _switch(shelf, journal)
            stayed = _remove(journal)
            (shelf.paths.data / JOURNAL).unlink(missing_ok=True)
        except OSError as error:
            raise failed("Moving the models", Path(error.filename or target), error) from None
    return Moved(target, len(journal.done), sum(size for size, _ in journal.done.values()), stayed)


def cancel_move(shelf: Shelf) -> bool:
    """Give up a move that still copies: what it copied is deleted; whether there was one.

    Raises:
        RefusedError: the models are at the new place already.
    """
    with shelf.lock():
        journal = unfinished(shelf)
        if journal is None:
            return False
        if journal.phase is not Phase.COPYING:
            raise RefusedError(
                "The models are at the new place already",
                detail=f"They lie in {clean_line(str(journal.target))}.",
                mend="Finish the move: `offgrid storage --move` with that folder.",
            )
        for name in journal.done:
            (journal.target / name).unlink(missing_ok=True)
        for leftover in journal.target.rglob(f"*{_TEMPORARY}"):
            leftover.unlink(missing_ok=True)
        _prune(journal.target)
        (shelf.paths.data / JOURNAL).unlink(missing_ok=True)
    return True


def recover_move(shelf: Shelf) -> None:
    """Finish the switch of a move that was cut off in it: until then there is no models folder. The rest of the move
    waits until somebody asks for it."""
    journal = unfinished(shelf)
    if journal is not None and journal.phase is Phase.SWITCHING:
        with shelf.lock():
            _switch(shelf, journal)


def _begin(shelf: Shelf, target: Path) -> Journal:
    source = shelf.folder.resolve()
    if shelf.folder.is_symlink() and not shelf.folder.exists():
        raise OffGridError("The models are not there", detail=f"{source} does not exist.", mend="Connect their disk.")
    real = target.resolve()
    if real == source:
        raise UsageError("The models are there already", detail=clean_line(str(target)))
    if real.is_relative_to(source) or source.is_relative_to(real):
        raise UsageError(
            "The models can't move into themselves", detail=f"{clean_line(str(target))} and {source} overlap."
        )
    if os.path.ismount(shelf.folder):
        raise RefusedError(
            "The models folder is a mount point",
            detail=f"{shelf.folder} can't be replaced while a disk is mounted on it.",
            mend="Mount that disk elsewhere, or the new one here.",
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UsageError(
                f"{clean_line(str(target))} is not empty",
                detail="A move never mixes with what is there.",
                mend="Name a folder that is empty or does not exist yet.",
            )
        shelf.folder.mkdir(parents=True, exist_ok=True)
        sizes = sum((source / name).lstat().st_size for name in _files(shelf, source))
        free = read_disk(existing(target)).free
        if sizes + SPARE > free and source.stat().st_dev != target.stat().st_dev:
            raise NoSpace("the models", target, sizes + SPARE, free)
        journal = Journal(source, target)
        _write(shelf, journal)
    except OSError as error:
        raise failed("Moving the models", target, error) from None
    return journal


def _files(shelf: Shelf, source: Path) -> Iterator[str]:
    """All files and links below `source` but arrivals, by their paths in it."""
    for folder, folders, names in os.walk(source):
        if Path(folder) == source:
            folders[:] = [name for name in folders if name != shelf.incoming.name]
        for name in sorted((*names, *(f for f in folders if Path(folder, f).is_symlink()))):
            yield str(Path(folder, name).relative_to(source))


def _copy(shelf: Shelf, journal: Journal, job: Job) -> None:
    source, target = journal.source, journal.target
    names = list(_files(shelf, source))
    for name in names:
        job.begin(name, (source / name).lstat().st_size)
    for name in names:
        job.what = clean_line(name)
        old, new = source / name, target / name
        size = old.lstat().st_size
        known = journal.done.get(name)
        if known is not None and known[0] == size and os.path.lexists(new) and new.lstat().st_size == size:
            job.advance(size)
            continue
        new.parent.mkdir(parents=True, exist_ok=True)
        if old.is_symlink():
            new.unlink(missing_ok=True)
            new.symlink_to(old.readlink())
            journal.done[name] = (size, "")
        else:
            temporary = new.with_name(new.name + _TEMPORARY)
            temporary.unlink(missing_ok=True)
            placed = place(old, temporary, job, (Method.HARDLINK, Method.COPY))
            if placed.method is Method.COPY and sha256_of(temporary, Job("move", name)) != placed.sha256:
                temporary.unlink(missing_ok=True)
                raise DamagedError(
                    "The new disk does not give back what was written",
                    detail=f"{clean_line(name)} reads differently there.",
                    mend="Check that disk. The models are untouched where they were.",
                )
            shutil.copystat(old, temporary)
            temporary.replace(new)
            journal.done[name] = (size, placed.sha256)
        sync_folder(new.parent)
        _write(shelf, journal)
    sync_folder(target)
    journal.aside = _free(shelf.paths.data / _OLD)
    journal.phase = Phase.SWITCHING
    _write(shelf, journal)


def _switch(shelf: Shelf, journal: Journal) -> None:
    """`models` leads to the new place. Done in two steps, each of which may find itself done."""
    link, aside = shelf.folder, journal.aside or shelf.paths.data / _OLD
    if not (link.is_symlink() and link.resolve() == journal.target.resolve()):
        temporary = shelf.paths.data / f"{_OLD}.link"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(journal.target, target_is_directory=True)
        if link.exists() and not link.is_symlink():
            link.rename(aside)
        temporary.replace(link)
        sync_folder(shelf.paths.data)
    if aside.is_dir():
        journal.source = aside
    journal.phase = Phase.REMOVING
    _write(shelf, journal)


def _remove(journal: Journal) -> tuple[Path, ...]:
    """Delete the old files that are at the new place, and folders that are empty then; what else is there stays."""
    stayed = []
    for name, (size, _) in journal.done.items():
        old, new = journal.source / name, journal.target / name
        if not os.path.lexists(old):
            continue
        try:
            if not _unchanged(old, new, size):
                stayed.append(old)  # it is another file than the one that was copied
            else:
                old.unlink()
        except OSError:
            stayed.append(old)
    _prune(journal.source)
    if journal.source.is_dir():
        stayed += [path for path in journal.source.rglob("*") if not path.is_dir() and path not in stayed]
    return tuple(stayed)


def _unchanged(old: Path, new: Path, size: int) -> bool:
    if not os.path.lexists(new):
        return False
    before, after = old.lstat(), new.lstat()
    # Times are copied with the bytes; some filesystems keep them to two seconds only.
    return before.st_size == size and (old.is_symlink() or abs(before.st_mtime - after.st_mtime) <= 2)


def _free(path: Path) -> Path:
    number, found = 1, path
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def _prune(folder: Path) -> None:
    """Delete empty folders, `folder` too."""
    for place_, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(place_)  # noqa: PTH106 - only where it is empty


def _write(shelf: Shelf, journal: Journal) -> None:
    value = {
        "source": str(journal.source),
        "target": str(journal.target),
        "phase": journal.phase.value,
        "aside": None if journal.aside is None else str(journal.aside),
        "done": journal.done,
    }
    # ASCII, since a user's own file may have a name that is not UTF-8.
    atomic_write(shelf.paths.data / JOURNAL, json.dumps(value))
