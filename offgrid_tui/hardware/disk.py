"""The disk that a path is on, or will be on once it is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes; `free` is what this user may write, which is less than what is unused."""

    total: int
    free: int


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there."""
    path = path.absolute()
    while not _is_there(path) and path != path.parent:
        path = path.parent
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above it may not be searched
        return False


def read_disk(path: Path) -> Disk:
    """The disk of `path`, which need not exist yet.

    Raises:
        OSError: the disk does not answer.
    """
    status = os.statvfs(existing(path))
    return Disk(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)
