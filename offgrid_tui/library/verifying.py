"""Reads a model's files again and compares them with what is recorded and what was promised."""

from __future__ import annotations

from dataclasses import dataclass, replace

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import Stopped
from offgrid_tui.library.hashing import sha256_of
from offgrid_tui.library.importing import Wish, checked
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel
from offgrid_tui.library.receipt import write_receipt
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.library.work import Job


@dataclass(frozen=True, slots=True)
class FileVerified:
    """`expected` is None where nobody had recorded a hash; then `found` is recorded now."""

    file: InstalledFile
    expected: str | None
    found: str | None  # None where the file can't be read
    problem: str = ""

    @property
    def same(self) -> bool:
        return not self.problem and self.expected in (None, self.found)


@dataclass(frozen=True, slots=True)
class Verified:
    """The model as it stands now, and what was found of each file."""

    model: InstalledModel
    files: tuple[FileVerified, ...]


def verify(shelf: Shelf, model: InstalledModel, job: Job) -> Verified:
    """Compute the SHA-256 of every file of `model`, and record what that says.

    Raises:
        Stopped: somebody stopped the job; nothing was recorded.
    """
    for file in model.files:
        job.begin(file.path.name, file.size)
    results = []
    for file in model.files:
        job.what = clean_line(file.path.name)
        try:
            found = sha256_of(file.path, job)
            results.append(FileVerified(file, file.sha256, found))
        except Stopped:
            raise
        except OffGridError as error:
            results.append(FileVerified(file, file.sha256, None, error.detail or error.title))
    bad = next((result for result in results if not result.same), None)
    if bad is not None:
        said = bad.problem or f"{clean_line(bad.file.path.name)} has changed: its SHA-256 is another"
        now = replace(model, check=Check.UNKNOWN if bad.problem else Check.MISMATCH, problem=said)
    else:
        hashes = [result.found or "" for result in results]
        check, promise = checked(shelf, hashes, Wish())
        if check is Check.UNVERIFIED and model.check is Check.VERIFIED:
            check = Check.VERIFIED  # promised by whoever it came from, and unchanged since
        files = tuple(_seen(file, sha) for file, sha in zip(model.files, hashes, strict=True))
        catalog = promise.catalog if promise is not None else model.catalog
        now = replace(model, files=files, check=check, problem="", catalog=catalog)
    if now != model:
        shelf.update(now)
        if not now.problem and shelf.is_ours(now.path):
            _write(now)
    return Verified(now, tuple(results))


def _seen(file: InstalledFile, sha256: str) -> InstalledFile:
    status = file.path.stat()
    return replace(file, size=status.st_size, mtime=status.st_mtime, sha256=sha256)


def _write(model: InstalledModel) -> None:
    try:
        write_receipt(model)
    except OSError:
        return  # the record is what counts
