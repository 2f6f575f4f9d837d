"""A lock between processes that the kernel lets go of when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.system.identity import ProcessName, is_alive, name_process

_POLL = 0.05  # seconds between two tries; flock has no time-out of its own


class FileLock:
    """An exclusive flock(2) on the file at `path`, which is made (0600) and then left in place: unlinking it would
    let two processes lock two different files of one name.

    One object is for one thread; a second object in the same process is refused as another process would be. Children
    don't inherit the lock.

    Args:
        what: what the lock guards, for the message of the error: "the settings".
        timeout: seconds that `with lock:` waits.
    """

    def __init__(self, path: Path, *, what: str = "", timeout: float = 10.0) -> None:
        self.path = path
        self.what = what or path.name
        self.timeout = timeout
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting. False: somebody else holds it.

        Raises:
            OSError: the file cannot be made or opened.
        """
        if self._descriptor is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except BaseException:
                os.close(descriptor)
                raise
            if _same_file(descriptor, self.path):
                break
            os.close(descriptor)  # somebody removed the file between open and flock: lock the one that is there now
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{name_process()}\n".encode(), 0)
        self._descriptor = descriptor
        return True

    def acquire(self, timeout: float | None = None) -> None:
        """Take the lock, waiting at most `timeout` seconds (the lock's own where None; 0 tries once).

        Raises:
            BusyError: it was not free in time; says who holds it.
            OSError: the file cannot be made or opened.
        """
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self.try_acquire():
            if (left := deadline - time.monotonic()) <= 0:
                holder = self.holder()
                raise BusyError(
                    f"{clean_line(self.what)} is in use by another process",
                    detail=f"Process {holder} holds {self.path}." if holder else f"{self.path} is locked.",
                    mend="Wait until it is done, or end that process, and try again.",
                )
            time.sleep(min(_POLL, left))

    def release(self) -> None:
        """Let go; nothing happens where the lock is not held."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # a full disk must not keep the lock
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def holder(self) -> int | None:
        """The process id of whoever holds the lock; None where nobody does. For messages: it is read without
        locking, so it may be old when it is shown. `try_acquire` is the way to ask whether the lock is free."""
        try:
            name = self.path.read_text("utf-8", "replace").strip()
        except FileNotFoundError:
            return None
        known = ProcessName.parse(name)
        return known.pid if known and is_alive(known) else None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
