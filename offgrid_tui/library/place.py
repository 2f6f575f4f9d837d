"""How the bytes of a file come to another place: shared blocks, a second name, or a copy."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from offgrid_tui.library.errors import failed
from offgrid_tui.library.hashing import CHUNK, forget_pages, sha256_of
from offgrid_tui.library.work import Job
from offgrid_tui.system.durable import sync_data

_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_SYNC_EVERY = 64 * 2**20  # bytes


class Method(StrEnum):
    """The value is the word in JSON and in sentences."""

    REFLINK = "reflink"  # shares blocks; each file may change alone
    HARDLINK = "hardlink"  # one file with two names
    COPY = "copy"


ALL = (Method.REFLINK, Method.HARDLINK, Method.COPY)


@dataclass(frozen=True, slots=True)
class Placed:
    method: Method
    sha256: str


def place(source: Path, target: Path, job: Job, methods: tuple[Method, ...] = ALL, known: str | None = None) -> Placed:
    """Make `target`, which must not exist, of `source`, in the first of `methods` that works here, and force it to
    disk. `target` is gone again where that failed.

    Args:
        known: the SHA-256 of the source where it was computed already; it is computed otherwise.

    Raises:
        Stopped: somebody stopped the job.
        NoSpace: the disk is full.
        OffGridError: the system refused.
    """
    try:
        for method in methods:
            if method is Method.REFLINK and _reflink(source, target):
                return Placed(method, known or sha256_of(target, job))
            if method is Method.HARDLINK and _hardlink(source, target):
                return Placed(method, known or sha256_of(target, job))
            if method is Method.COPY:
                return Placed(method, _copy(source, target, job))
    except OSError as error:
        _away(target)
        raise failed(f"Writing {target.name}", target, error) from None
    except BaseException:
        _away(target)
        raise
    raise failed(f"Writing {target.name}", target, OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)))


def can_share(source: Path, folder: Path) -> bool:
    """Whether `source` may come into `folder` without a copy: by a second name, which only the same filesystem has.
    A file of another user stays with them: they could change it under us."""
    try:
        status = source.stat()
        return status.st_dev == folder.stat().st_dev and status.st_uid == os.getuid()
    except OSError:
        return False


def _reflink(source: Path, target: Path) -> bool:
    """ioctl_ficlone(2): btrfs, XFS, bcachefs and some network filesystems know it."""
    if sys.platform != "linux":
        return False
    with source.open("rb") as read:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            fcntl.ioctl(descriptor, _FICLONE, read.fileno())
            os.fsync(descriptor)
            return True
        except OSError:
            _away(target)
            return False
        finally:
            os.close(descriptor)


def _hardlink(source: Path, target: Path) -> bool:
    real = source.resolve()  # a link to a link would break with it
    if not can_share(real, target.parent):
        return False
    try:
        os.link(real, target)
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path, job: Job) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    with source.open("rb", buffering=0) as read:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            done = synced = 0
            while size := read.readinto(buffer):
                digest.update(buffer[:size])
                _write_all(descriptor, buffer[:size])
                forget_pages(read.fileno(), done, size)
                done += size
                if done - synced >= _SYNC_EVERY:
                    sync_data(descriptor)
                    forget_pages(descriptor, synced, done - synced)
                    synced = done
                job.advance(size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return digest.hexdigest()


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _away(target: Path) -> None:
    with contextlib.suppress(OSError):
        target.unlink()
