"""Writes that a power cut cannot leave half done."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def atomic_write(path: Path, data: bytes | str, *, mode: int = 0o600) -> None:
    """Replace the file at `path`: a reader, also one after a crash, finds the old contents or the new, never a part.

    A temporary file in the same folder is written, forced to disk and renamed; then the folder is forced to disk. A
    symbolic link is followed, so that a linked configuration stays linked. Missing folders are made.

    Args:
        data: text is written as UTF-8.
        mode: permissions of a new file; one that exists keeps its own.

    Raises:
        OSError: as the system says it (disk full, read-only, no permission); the old file is untouched.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode & 0o7777
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Force names to disk: files made, renamed or removed in `folder`.

    Filesystems that cannot do it for folders (some network and FUSE ones) answer EINVAL or ENOTSUP; there is nothing
    better to be done on them.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_data(descriptor: int) -> None:
    """Put the bytes of an open file on disk, and of its other facts only the size (macOS puts all of them)."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)
