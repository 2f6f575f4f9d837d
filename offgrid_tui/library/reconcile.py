"""Compares the records with the files: what vanished, what changed, what appeared. Deletes no file, whatever it finds.

A file counts as unchanged while its size and time of change are as recorded; where only the time differs its bytes
are read, and where they are the same the new time is noted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from offgrid_tui.foundation.errors import BusyError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.facts import facts_of
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.importing import Refused, Wish, checked, read_set
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.library.names import is_text, new_id, safe_name, stem_of
from offgrid_tui.library.receipt import read_receipt
from offgrid_tui.library.sets import FileSet, group, walk
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.staging import recover
from offgrid_tui.library.verifying import verify
from offgrid_tui.library.work import Job


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found. `untracked` are GGUF files in our folder that are no model, and why."""

    broke: list[InstalledModel] = field(default_factory=list)
    mended: list[InstalledModel] = field(default_factory=list)
    appeared: list[InstalledModel] = field(default_factory=list)
    moved: list[InstalledModel] = field(default_factory=list)
    changed: list[InstalledModel] = field(default_factory=list)  # records of which only figures are others
    untracked: list[Refused] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the files of a model showed."""

    files: tuple[InstalledFile, ...]
    problem: str = ""
    gone: bool = False
    mismatch: bool = False


def reconcile(shelf: Shelf, job: Job, *, read: bool) -> Reconciled:
    """Look at everything.

    Args:
        read: read the bytes of files whose time has changed, and of those that appeared; otherwise only sizes, times
            and headers are looked at, which takes milliseconds.

    Raises:
        BusyError: another process imports, removes or moves just now; it will be right again when it is done.
        Stopped: somebody stopped the job.
    """
    found = Reconciled()
    with shelf.lock(timeout=0.0):
        pass  # who holds it moves files: what is seen meanwhile means nothing
    found.appeared.extend(recover(shelf))
    missing_disk = shelf.folder.is_symlink() and not shelf.folder.exists()
    models = shelf.models()
    gone = []
    for model in models:
        if missing_disk and all(shelf.is_ours(file.path) for file in model.files):
            look = _Look(model.files, f"the disk with the models, {shelf.folder.readlink()}, is not there", gone=True)
        else:
            look = _look(model, job, read=read)
        if look.gone and not missing_disk:
            gone.append(model)
        _note(shelf, model, look, found)
    if not missing_disk:
        _appeared(shelf, gone, job, found, read=read)
    for model in shelf.models() if read else ():
        if _unread(model):
            done = verify(shelf, model, job).model
            (found.broke if done.problem else found.changed).append(done)
    return found


def _unread(model: InstalledModel) -> bool:
    """Whether its bytes lie in our folder and nobody has read them yet. Adopted ones are read when somebody asks."""
    return model.check is Check.UNKNOWN and model.origin not in (Origin.ADOPTED, Origin.BUNDLED) and not model.problem


def _look(model: InstalledModel, job: Job, *, read: bool) -> _Look:
    files: list[InstalledFile] = []
    unread = False
    for file in model.files:
        name = clean_line(file.path.name)
        try:
            status = file.path.stat()
        except (OSError, RuntimeError) as error:
            if isinstance(error, PermissionError):
                return _Look(model.files, f"{name} may not be read")
            return _Look(model.files, f"{name} is gone", gone=True)
        if status.st_size != file.size:
            said = f"{bytes_text(status.st_size)} instead of {bytes_text(file.size)}"
            if bytes_text(status.st_size) == bytes_text(file.size):
                said = f"{status.st_size} bytes instead of {file.size}"
            return _Look(model.files, f"{name} has changed: {said}", mismatch=True)
        suspect = status.st_mtime != file.mtime or model.check is Check.MISMATCH
        if suspect and file.sha256 is not None:
            if not read:
                files.append(file)  # with its old time, so that the next one that reads looks again
                unread = True
                continue
            job.begin(file.path.name, file.size)
            if sha256_of(file.path, job) != file.sha256:
                return _Look(model.files, f"{name} has changed: its SHA-256 is another", mismatch=True)
        files.append(replace(file, mtime=status.st_mtime))
    return _Look(tuple(files), model.problem if unread else "")


def _note(shelf: Shelf, model: InstalledModel, look: _Look, found: Reconciled) -> None:
    check = model.check
    if look.mismatch:
        check = Check.MISMATCH
    elif not look.problem and check is Check.MISMATCH:  # the bytes are again what was recorded
        check, _ = checked(shelf, [file.sha256 or "" for file in look.files], Wish())
    now = replace(model, files=look.files, problem=look.problem, check=check)
    if now == model:
        return
    shelf.update(now)
    if now.problem and not model.problem:
        found.broke.append(now)
    elif model.problem and not now.problem:
        found.mended.append(now)
    else:
        found.changed.append(now)


def _appeared(shelf: Shelf, gone: list[InstalledModel], job: Job, found: Reconciled, *, read: bool) -> None:
    """Files in our folder that no record names: copied there by hand, or of a lost database."""
    known = {file.path for model in shelf.models() for file in model.files}
    root = shelf.folder.resolve()
    for _, files in walk(shelf.folder):
        for one in group([path for path in files if path not in known], one_repository=True):
            try:
                one = _with_projector(one, files, known)
                model = _recognise(shelf, one, root, gone, job, read=read)
            except BusyError:
                raise
            except OffGridError as error:
                if error.exit_code == 130:
                    raise
                found.untracked.append(Refused(one.weights[0], error))
                continue
            if model is None:
                continue
            with shelf.lock():
                shelf.put(model)
            was = next((other for other in gone if other.id == model.id), None)
            if was is not None:
                gone.remove(was)
                found.broke[:] = [other for other in found.broke if other.id != model.id]
                found.moved.append(model)
            else:
                found.appeared.append(model)


def _with_projector(one: FileSet, files: list[Path], known: set[Path]) -> FileSet:
    """A projector that belongs to a model which is here already serves the new one too."""
    if one.projector is not None:
        return one
    again = group([*one.weights, *(path for path in files if path in known)], one_repository=True)
    return next((other for other in again if other.weights == one.weights), one)


def _recognise(
    shelf: Shelf, one: FileSet, root: Path, gone: list[InstalledModel], job: Job, *, read: bool
) -> InstalledModel | None:
    first = one.weights[0]
    if not is_text(first):
        raise OffGridError(f"{clean_line(first.name)} is not in the list", detail="Its name is not UTF-8.")
    for path in one.files:
        if not path.resolve().is_relative_to(root):
            raise OffGridError(
                f"{clean_line(path.name)} is not in the list",
                detail="It is a link that leads out of the models folder.",
                mend="Adopt the folder that it leads to: `offgrid adopt FOLDER`.",
            )
    header, one = read_set(one)
    files = []
    for path in one.files:
        status = path.stat()
        role = "projector" if path == one.projector else "weights"
        files.append(InstalledFile(path, status.st_size, status.st_mtime, None, role))
    # A file that was renamed or put into another folder of ours keeps its time: its record goes with it.
    for model in gone:
        same = [(f.size, f.mtime) for f in model.files] == [(f.size, f.mtime) for f in files]
        if same and model.origin is not Origin.ADOPTED:
            moved = tuple(replace(new, sha256=old.sha256) for new, old in zip(files, model.files, strict=True))
            return replace(model, files=moved, problem="")
    hashes: list[str] = []
    if read:
        for file in files:
            job.begin(file.path.name, file.size)
            hashes.append(sha256_of(file.path, job))
        files = [replace(file, sha256=sha) for file, sha in zip(files, hashes, strict=True)]
    check, promise = checked(shelf, hashes, Wish()) if hashes else (Check.UNKNOWN, None)
    receipt = read_receipt(first)
    if receipt is not None and [f.size for f in receipt.files] != [f.size for f in files]:
        receipt = None
    problem = ""
    if (
        receipt is not None
        and hashes
        and any(f.sha256 not in (None, sha) for f, sha in zip(receipt.files, hashes, strict=True))
    ):
        check, problem = Check.MISMATCH, f"{clean_line(first.name)} is not what its receipt says"
        files = [replace(file, sha256=old.sha256) for file, old in zip(files, receipt.files, strict=True)]
    elif receipt is not None and not hashes:  # what the reading that follows has to find
        files = [replace(file, sha256=old.sha256) for file, old in zip(files, receipt.files, strict=True)]
    place = first.parent.relative_to(shelf.folder).parts
    repository = "/".join(place[:2]) if len(place) >= 2 and place[0] != "local" else ""
    known = {model.id for model in shelf.models()}
    return InstalledModel(
        id=new_id(first.name, known),
        name=(promise.name if promise else "")
        or (receipt.name if receipt else "")
        or header.name
        or stem_of(safe_name(first.name)),
        origin=receipt.origin if receipt and receipt.origin is Origin.DOWNLOADED else Origin.IMPORTED,
        files=tuple(files),
        check=check,
        installed=receipt.installed if receipt else files[0].mtime,
        facts=facts_of(header, projector=one.projector is not None),
        repository=(promise.repository if promise else "") or (receipt.repository if receipt else repository),
        revision=(receipt.revision if receipt else "") or (promise.revision if promise else ""),
        publisher=(promise.publisher if promise else "") or (receipt.publisher if receipt else ""),
        source=receipt.source if receipt else "found in the models folder",
        catalog=promise.catalog if promise else "",
        problem=problem,
    )


def needs_reading(models: tuple[InstalledModel, ...]) -> bool:
    """Whether `reconcile` would have bytes to read: something in our folder was never read, or was touched since."""
    for model in models:
        if _unread(model):
            return True
        for file in model.files:
            try:
                if file.sha256 is not None and os.stat(file.path).st_mtime != file.mtime:  # noqa: PTH116
                    return True
            except OSError:
                continue
    return False
