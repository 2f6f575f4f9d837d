"""Media: what a filesystem can hold, and which mounted ones carry a bundle."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.hardware.disk import existing, read_disk
from offgrid_tui.system.filesystem import Filesystem, filesystem_of, parse_mountinfo
from offgrid_tui.transfer.layout import ROOT

PART = 2**30  # bytes of one part where a file has to be cut
_FAT = frozenset({"vfat", "msdos", "fat"})
FAT_LIMIT = 2**32 - 1  # bytes of the largest file
_CARRIERS = _FAT | frozenset(
    {
        "exfat", "fuse.exfat", "ntfs", "ntfs3", "fuseblk", "fuse.ntfs-3g", "ext2", "ext3", "ext4", "xfs", "btrfs",
        "f2fs", "iso9660", "udf", "hfs", "hfsplus", "apfs", "squashfs", "erofs", "bcachefs", "tmpfs",
    }
)  # fmt: skip
_MOST_ENTRIES = 200  # of a medium's first level that are looked at


@dataclass(frozen=True, slots=True)
class Medium:
    """Where a bundle goes. Files of more than `largest` bytes (None: no limit that matters) are cut into parts."""

    folder: Path
    kind: str  # as the system names it: vfat, exfat, ext4
    free: int  # bytes
    read_only: bool
    largest: int | None
    part: int = PART

    def sizes(self, size: int) -> tuple[int, ...]:
        """Of the pieces that a file of `size` bytes is written in."""
        if self.largest is None or size <= self.largest:
            return (size,)
        return tuple(min(self.part, size - start) for start in range(0, size, self.part))


def medium_of(folder: Path, part: int | None = None) -> Medium:
    """The medium that `folder` is on, or will be on.

    Args:
        part: cut every file that is larger into parts of so many bytes, whatever the filesystem.

    Raises:
        OSError: the disk does not answer.
    """
    found = filesystem_of(folder)
    largest = part or (FAT_LIMIT if found.kind in _FAT else None)
    return Medium(folder, found.kind, read_disk(folder).free, found.read_only, largest, part or PART)


def find_bundles(mounts: Iterable[Filesystem] | None = None) -> tuple[Path, ...]:
    """Folders on mounted media that hold a bundle: the medium itself, or a folder on its first level. Networks are
    not asked: one that is gone would answer after minutes."""
    if mounts is None:
        mounts = _mounts()
    found: dict[tuple[int, int], Path] = {}
    for mount in mounts:
        if mount.kind not in _CARRIERS or mount.is_network or mount.mount_point == Path("/"):
            continue
        for folder in _candidates(mount.mount_point):
            with contextlib.suppress(OSError):
                status = (folder / ROOT).lstat()
                if (folder / ROOT).is_dir():
                    found.setdefault((status.st_dev, status.st_ino), folder)
    return tuple(sorted(found.values()))


def sync_medium(folder: Path) -> None:
    """Wait until everything that was written to the filesystem of `folder` is on it (syncfs(2)).

    Raises:
        OSError: the medium says that it is not: an error of an earlier write is told here too.
    """
    if sys.platform != "linux":
        os.sync()
        return
    import ctypes  # 5 ms that only an export pays

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


def room(folder: Path) -> int:
    """Bytes that may be written there."""
    return read_disk(existing(folder)).free


def _mounts() -> list[Filesystem]:
    try:
        return parse_mountinfo(Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape"))
    except OSError:
        from offgrid_tui.hardware.disks import list_disks  # psutil, where there is no /proc

        return [Filesystem(one.filesystem, one.mount_point, one.source, one.read_only) for one in list_disks()]


def _candidates(mount: Path) -> list[Path]:
    folders = [mount]
    with contextlib.suppress(OSError), os.scandir(mount) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_ENTRIES:
                break
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
    return folders
