"""SHA-256 of files, without pushing the loaded model out of the page cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from offgrid_tui.library.errors import failed
from offgrid_tui.library.work import Job

CHUNK = 4 * 2**20  # bytes; large enough that Python's part is nothing, small enough to be stopped at once


def sha256_of(path: Path, job: Job) -> str:
    """64 hexadecimal digits. The caller has told `job` how much there is to do.

    Raises:
        Stopped: somebody stopped the job.
        OffGridError: the file can't be read.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            done = 0
            while size := file.readinto(buffer):
                digest.update(buffer[:size])
                forget_pages(file.fileno(), done, size)
                done += size
                job.advance(size)
    except OSError as error:
        raise failed(f"Reading {path.name}", path, error) from None
    return digest.hexdigest()


def forget_pages(descriptor: int, offset: int, size: int) -> None:
    """The kernel need not keep these pages for us; those that somebody has mapped stay."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, offset, size, os.POSIX_FADV_DONTNEED)
