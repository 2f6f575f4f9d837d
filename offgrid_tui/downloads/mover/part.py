"""One file as it arrives: written, hashed in passing, forced to disk now and then, and found again after any death.

SHA-256's state can't be saved, so what is there already is read again when a part is gone on with.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from offgrid_tui.downloads.errors import DiskFull, FileTooLarge
from offgrid_tui.downloads.journal import Journal, read_journal, write_journal
from offgrid_tui.downloads.places import aside_of, journal_of, part_of
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.library.errors import failed
from offgrid_tui.library.hashing import CHUNK, forget_pages
from offgrid_tui.system.durable import sync_data

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Part:
    """File `number` in `folder`. Only one process may have it: who opens it holds the folder's lock.

    Its methods raise DiskFull, FileTooLarge or OffGridError where the system refuses; the part is consistent then, and
    can be gone on with.

    Args:
        source: names what is fetched; a part of anything else is thrown away,
        promised: unless the hub had promised these very bytes for it.
        interval, seconds: bytes, or time, between two journals.
    """

    def __init__(
        self, folder: Path, number: int, name: str, source: str, interval: int, seconds: float, promised: str = ""
    ) -> None:
        self.path = part_of(folder, number)
        self.name = name
        self._aside = aside_of(folder, number)
        self._journal_path = journal_of(folder, number)
        self._interval = interval
        self._seconds = seconds
        self._saved = time.monotonic()
        self._source = source
        self._promised = promised
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self._guard = threading.RLock()  # another thread saves when this one hangs in a read
        self.offset = 0  # bytes that are written and hashed
        self.verified = 0
        self.journal = Journal(source)

    @property
    def whole(self) -> bool:
        """All is here, on disk and hashed."""
        return self.journal.whole

    def open(self, step: Callable[[], None]) -> None:
        """Find what is here already, and hash it. `step` is called with each piece; what it raises ends it."""
        found = read_journal(self._journal_path)
        with self._system():
            there = self.path.stat().st_size if self.path.exists() else 0
            if found is not None and (found.source == self._source or found.promised == self._promised != ""):
                self.journal = found
                if found.whole and there == found.offset:
                    self.offset = self.verified = there
                    return
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            sure = min(self.journal.offset, there)
            os.ftruncate(self._descriptor, sure)
        self.journal = replace(self.journal, sha256="", offset=sure)
        self.offset = sure
        self._rehash(sure, step)

    def _rehash(self, size: int, step: Callable[[], None]) -> None:
        buffer = memoryview(bytearray(CHUNK))
        while self.verified < size:
            with self._system():
                count = os.preadv(self._descriptor, [buffer[: min(CHUNK, size - self.verified)]], self.verified)
                forget_pages(self._descriptor, self.verified, count)
            if not count:
                raise OffGridError(f"{self.name} can't be read again", detail="Its part became shorter meanwhile.")
            self._digest.update(buffer[:count])
            self.verified += count
            step()

    def write(self, data: bytes) -> None:
        """Take the bytes at `offset`; none of them counts where that fails."""
        with self._guard:
            try:
                with self._system():
                    view, at = memoryview(data), self.offset
                    while view:
                        count = os.pwrite(self._descriptor, view, at)
                        view, at = view[count:], at + count
            except OffGridError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self.offset)
                raise
            self._digest.update(data)
            self.offset += len(data)
            self.verified = self.offset

    @property
    def due(self) -> bool:
        """Whether enough came for a journal, or it is a while since the last."""
        came = self.offset - self.journal.offset
        return came >= self._interval or (came > 0 and time.monotonic() - self._saved >= self._seconds)

    def save(self) -> None:
        """Force what came to disk, and note it."""
        with self._guard, self._system():
            if self._descriptor < 0 or self.whole:
                return
            sync_data(self._descriptor)
            forget_pages(self._descriptor, self.journal.offset, self.offset - self.journal.offset)
            journal = replace(self.journal, offset=self.offset)
            write_journal(self._journal_path, journal)
            self.journal, self._saved = journal, time.monotonic()

    def learn(self, **facts: str | int | None) -> None:
        """Note what was said about the file; written with the next `save`."""
        with self._guard:
            self.journal = replace(self.journal, **facts)  # type: ignore[arg-type]

    def restart(self) -> None:
        """Throw away what came: it is of another file, or the server can't go on with it."""
        with self._guard, self._system():
            os.ftruncate(self._descriptor, 0)
            self._digest = hashlib.sha256()
            self.offset = self.verified = 0
            self.journal = Journal(self._source, commit=self.journal.commit, promised=self.journal.promised)
            write_journal(self._journal_path, self.journal)

    def digest(self) -> str:
        """SHA-256 of what is here, as 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def finish(self) -> None:
        """It is whole: have that on disk."""
        with self._guard, self._system():
            os.fsync(self._descriptor)
            forget_pages(self._descriptor, 0, self.offset)
            journal = replace(self.journal, offset=self.offset, size=self.offset, sha256=self.digest())
            write_journal(self._journal_path, journal)
            self.journal = journal
        self.close()

    def put_aside(self) -> Path:
        """Keep the bytes where nobody takes them for the file; where they are now."""
        self.close()
        with self._system():
            self._journal_path.unlink(missing_ok=True)
            self.path.replace(self._aside)
        return self._aside

    def close(self) -> None:
        with self._guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    @contextlib.contextmanager
    def _system(self) -> Iterator[None]:
        """Errors of the operating system as ours."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DiskFull(str(self.path.parent.parent.parent), None, None) from None
            if error.errno == errno.EFBIG:
                raise FileTooLarge(self.name, self.offset) from None
            raise failed(f"Writing {self.name}", self.path, error) from None
