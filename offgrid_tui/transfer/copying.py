"""Bytes onto a medium and back: a copy that goes on where it was cut off, and a reading that the page cache can't
answer."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offgrid_tui.library.hashing import CHUNK, forget_pages
from offgrid_tui.library.work import Job
from offgrid_tui.system.durable import sync_data, sync_folder
from offgrid_tui.transfer.layout import PARTIAL

_SYNC_EVERY = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many bytes of a file, from `start` on. `open` gives a descriptor, which is closed after use."""

    open: Callable[[], int]
    start: int
    size: int


def copy_range(stretch: Stretch, target: Path, job: Job) -> str:
    """Make `target` of `stretch` under a temporary name, forced to the disk; the SHA-256 of its bytes.

    Raises:
        as `join`.
    """
    partial = target.with_name(target.name + PARTIAL)
    (digest,) = join([stretch], partial, job)
    partial.replace(target)
    sync_folder(target.parent)
    return digest


def join(stretches: Sequence[Stretch], target: Path, job: Job, whole: Any = None) -> Iterator[str]:
    """Write `stretches` one after the other into `target`; the SHA-256 of each, once it is written. At the end the file
    is forced to the disk. What an earlier try left is compared, byte by byte, and used as far as it is right.

    Args:
        whole: a hash that takes in all bytes.

    Raises:
        Stopped: somebody stopped the job; what was written stays, to be gone on with.
        OSError: as the system says it: full, gone, too large for the filesystem; likewise.
        EOFError: a source ended early.
    """
    # No mode is set afterwards: FAT refuses those that it can't show.
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        at = 0
        for stretch in stretches:
            read = stretch.open()
            try:
                digests = [hashlib.sha256()] if whole is None else [hashlib.sha256(), whole]
                _copy(read, stretch, descriptor, at, digests, job)
            finally:
                os.close(read)
            at += stretch.size
            if at == sum(one.size for one in stretches):
                os.ftruncate(descriptor, at)
                os.fsync(descriptor)
            yield digests[0].hexdigest()
    finally:
        os.close(descriptor)


def _copy(read: int, stretch: Stretch, descriptor: int, at: int, digests: list[Any], job: Job) -> None:
    done = _same(read, stretch, descriptor, at, digests, job)
    if done < stretch.size:
        os.ftruncate(descriptor, at + done)
    synced = done
    buffer = memoryview(bytearray(min(CHUNK, stretch.size)))
    while done < stretch.size:
        got = os.preadv(read, [buffer[: stretch.size - done]], stretch.start + done)
        if not got:
            raise EOFError
        for digest in digests:
            digest.update(buffer[:got])
        _write_at(descriptor, buffer[:got], at + done)
        forget_pages(read, stretch.start + done, got)
        done += got
        if done - synced >= _SYNC_EVERY:
            sync_data(descriptor)
            forget_pages(descriptor, at + synced, done - synced)
            synced = done
        job.advance(got)


def read_back(path: Path, job: Job, also: Callable[[memoryview], None] | None = None) -> str:
    """The SHA-256 of what is on the medium: pages that the kernel kept are dropped first, and it is asked to read
    past them where the filesystem can (O_DIRECT).

    Args:
        also: called with each piece that was read.

    Raises:
        Stopped: somebody stopped the job.
        OSError: it can't be read.
    """
    _drop(path)
    digest = hashlib.sha256()
    buffer = mmap.mmap(-1, CHUNK)  # O_DIRECT wants memory that begins at a page
    view = memoryview(buffer)
    descriptor = _open_direct(path)
    try:
        done = 0
        while True:
            try:
                got = os.preadv(descriptor, [view], done)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                os.close(descriptor)  # a tail that is no whole block, or no direct reading after all
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                continue
            if not got:
                return digest.hexdigest()
            digest.update(view[:got])
            if also is not None:
                also(view[:got])
            forget_pages(descriptor, done, got)
            done += got
            job.advance(got)
    finally:
        os.close(descriptor)
        view.release()
        buffer.close()


def write_small(path: Path, data: bytes) -> None:
    """Replace a small file, as a whole or not at all.

    Raises:
        OSError: as the system says it.
    """
    partial = path.with_name(path.name + PARTIAL)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        _write_at(descriptor, memoryview(data), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)
    sync_folder(path.parent)


def _same(read: int, stretch: Stretch, descriptor: int, at: int, digests: list[Any], job: Job) -> int:
    """How many bytes of `stretch` stand at `at` already, in whole pieces; `digests` take them in."""
    there = min(os.fstat(descriptor).st_size - at, stretch.size)
    if there <= 0:
        return 0
    ours, theirs = memoryview(bytearray(min(CHUNK, there))), memoryview(bytearray(min(CHUNK, there)))
    done = 0
    while done < there:
        want = min(CHUNK, there - done)
        got = os.preadv(read, [ours[:want]], stretch.start + done)
        if not got or got != os.preadv(descriptor, [theirs[:got]], at + done) or ours[:got] != theirs[:got]:
            break
        for digest in digests:
            digest.update(ours[:got])
        forget_pages(descriptor, at + done, got)
        done += got
        job.advance(got)
    return done


def _write_at(descriptor: int, data: memoryview, offset: int) -> None:
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done


def _drop(path: Path) -> None:
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _open_direct(path: Path) -> int:
    if hasattr(os, "O_DIRECT"):
        with contextlib.suppress(OSError):  # tmpfs of older kernels, some FUSE filesystems
            return os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
