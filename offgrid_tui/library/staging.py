"""Where files arrive before they are whole, so that whatever interrupts an arrival leaves all of a model or none.

Each arrival has a folder of its own below `.incoming` in the models folder, locked while its process lives. When all
files are there and on disk, a journal is written; from then on the arrival counts, and whoever finds it finishes it:
the files are renamed to their places, then the record is written. What was cut off earlier is a leftover.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError
from offgrid_tui.library.errors import failed
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.names import new_id
from offgrid_tui.library.receipt import from_dict, to_dict, write_receipt
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.system.durable import atomic_write, sync_folder
from offgrid_tui.system.locks import FileLock

log = logging.getLogger(__name__)
_JOURNAL = "journal.json"
_LOCK = "lock"
_PREFIX = "import-"
_KEPT = _PREFIX + "kept-"  # of arrivals that a later try goes on with


@dataclass(frozen=True, slots=True)
class Leftover:
    """What an arrival left that was cut off: bytes that nobody needs."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Arriving:
    """One arrival: put files at `part(n)`, then `commit`."""

    folder: Path

    def part(self, number: int) -> Path:
        """Where file `number` of the model is written. Its name does not end in .gguf: it is none yet."""
        return self.folder / f"{number:04}.part"


@contextmanager
def kept_arrival(shelf: Shelf, key: str) -> Iterator[Arriving]:
    """A folder for the arrival of what `key` names: the same at each try. What was written stays where a try fails;
    it is gone once it ends well.

    Raises:
        BusyError: the same arrives in another process.
        OffGridError: it can't be made.
    """
    require_folder(shelf)
    folder = shelf.incoming / f"{_KEPT}{key}"
    lock = FileLock(folder / _LOCK, what="the import")
    try:
        free = lock.try_acquire()
    except OSError as error:
        raise failed("Making a folder for what arrives", folder, error) from None
    if not free:
        raise BusyError("Another OffGrid imports the same", mend="Wait until it is done.")
    try:
        yield Arriving(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()


@contextmanager
def arrival(shelf: Shelf) -> Iterator[Arriving]:
    """A folder for one arrival; gone at the end, with all that was not committed.

    Raises:
        OffGridError: it can't be made.
    """
    require_folder(shelf)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=shelf.incoming))
    except OSError as error:
        raise failed("Making a folder for what arrives", shelf.incoming, error) from None
    lock = FileLock(folder / _LOCK, what="the import")
    try:
        lock.try_acquire()
        yield Arriving(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def require_folder(shelf: Shelf) -> None:
    """Have the models folder.

    Raises:
        OffGridError: it is on a disk that is not there, or can't be made.
    """
    if shelf.folder.is_symlink() and not shelf.folder.exists():
        raise OffGridError(
            "The disk with the models is not there",
            detail=f"{shelf.folder} leads to {shelf.folder.readlink()}, which does not exist.",
            mend="Connect or mount it, then try again.",
        )
    try:
        shelf.incoming.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failed("Making the models folder", shelf.incoming, error) from None


def commit(shelf: Shelf, arriving: Arriving, model: InstalledModel) -> InstalledModel:
    """Put the files of `arriving` at the places that `model` names (the library's lock is held), and record it.

    Args:
        model: its files in the order of the parts; files that lie at their places already have no part.

    Raises:
        OffGridError: nothing was put in place, or it will be finished at the next start.
    """
    try:
        sync_folder(arriving.folder)
        text = json.dumps(to_dict(model, shelf.folder), ensure_ascii=False)
        atomic_write(arriving.folder / _JOURNAL, text)
        return _finish(shelf, arriving.folder, model)
    except OSError as error:
        raise failed(f"Installing {model.name}", shelf.folder, error) from None


def recover(shelf: Shelf) -> list[InstalledModel]:
    """Finish the arrivals whose journal was written and whose process is gone. Nothing is deleted but their empty
    folders."""
    done = []
    for folder, lock in _abandoned(shelf):
        try:
            journal = folder / _JOURNAL
            if journal.is_file():
                with shelf.lock():
                    model = from_dict(json.loads(journal.read_text("utf-8")), shelf.folder)
                    done.append(_finish(shelf, folder, model))
                shutil.rmtree(folder, ignore_errors=True)
        except (OffGridError, OSError, ValueError) as error:
            log.warning("the import in %s can't be finished: %s", folder, error)
        finally:
            lock.release()
    return done


def leftovers(shelf: Shelf) -> list[Leftover]:
    """Arrivals that were cut off before they were whole."""
    found = []
    for folder, lock in _abandoned(shelf):
        if not (folder / _JOURNAL).exists():
            found.append(Leftover(folder, sum(p.stat().st_blocks * 512 for p in folder.glob("*.part"))))
        lock.release()
    return found


def sweep(shelf: Shelf, *, kept: bool = True) -> int:
    """Delete what `leftovers` lists, with or without what a later try could go on with; bytes that came free."""
    freed = 0
    for folder, lock in _abandoned(shelf):
        if not (folder / _JOURNAL).exists() and (kept or not folder.name.startswith(_KEPT)):
            freed += sum(p.stat().st_blocks * 512 for p in folder.glob("*.part"))
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()
    return freed


def somebody_imports(shelf: Shelf) -> bool:
    """Whether an arrival of a living process is under way."""
    gone = set()
    for folder, lock in _abandoned(shelf):
        gone.add(folder)
        lock.release()
    return any(folder not in gone for folder in shelf.incoming.glob(f"{_PREFIX}*"))


def _abandoned(shelf: Shelf) -> Iterator[tuple[Path, FileLock]]:
    """Arrivals of processes that are gone, each locked by us."""
    with contextlib.suppress(OSError):
        for folder in sorted(shelf.incoming.glob(f"{_PREFIX}*")):
            if folder.is_dir() and not folder.is_symlink():
                lock = FileLock(folder / _LOCK, what="the import")
                if lock.try_acquire():
                    yield folder, lock


def _finish(shelf: Shelf, folder: Path, model: InstalledModel) -> InstalledModel:
    """The part that may be done twice: rename what is not yet renamed, then record."""
    files = []
    for number, file in enumerate(model.files):
        part, target = folder / f"{number:04}.part", file.path
        if part.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists() and not target.samefile(part):
                raise DamagedError(f"{target.name} is there already", detail=f"{target} appeared meanwhile.")
            part.replace(target)
            part.unlink(missing_ok=True)  # rename(2) does nothing where both are one file
            sync_folder(target.parent)
            sync_folder(target.parent.parent)
        status = target.stat()
        files.append(replace(file, size=status.st_size, mtime=status.st_mtime))
    model = replace(model, files=tuple(files))
    known = {one.id: one for one in shelf.models()}
    again = next((one for one in known.values() if one.files[0].path == model.files[0].path), None)
    if again is not None:  # it was broken, or this is done for the second time
        model = replace(model, id=again.id, pinned=again.pinned, last_used=again.last_used)
    elif model.id in known:
        model = replace(model, id=new_id(model.id, known))
    shelf.put(model)
    with contextlib.suppress(OSError):  # the record is what counts
        write_receipt(model)
    return model
