"""The disks of this machine: what they are, and how much is free on each."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.system.filesystem import Filesystem, parse_mountinfo

DiskKind = Literal["nvme", "ssd", "hdd", "sd card", "usb", "network", "memory", "unknown"]
# Filesystems that keep files, and no views of the kernel's own state.
_MEMORY = frozenset({"tmpfs", "ramfs"})
_FILES = frozenset(
    {
        "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2", "ubifs",
        "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "apfs", "udf", "overlay", "erofs",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MountedDisk:
    """`total` and `free` in bytes; None of a network, which might not answer for minutes."""

    mount_point: Path
    source: str
    filesystem: str
    kind: DiskKind
    total: int | None
    free: int | None
    removable: bool
    read_only: bool


def list_disks(files: SystemFiles | None = None) -> tuple[MountedDisk, ...]:
    """Disks that files can be kept on, each once, by mount point. Never raises."""
    files = files or SystemFiles()
    mounts = parse_mountinfo(files.text("/proc/self/mountinfo")) if sys.platform == "linux" else _from_psutil()
    found: dict[tuple[str, str], MountedDisk] = {}
    for mount in mounts:
        # Of what lies in memory, /run and /dev/shm hold nothing of a user's.
        if mount.kind in _MEMORY and str(mount.mount_point) != "/tmp":
            continue
        if not (mount.is_network or mount.kind in _FILES or mount.kind in _MEMORY):
            continue
        disk = _disk(files, mount)
        # The same disk bound to several places, as containers do it, is shown where it is nearest to the root.
        key = (mount.source, mount.kind)
        if key not in found or len(str(disk.mount_point)) < len(str(found[key].mount_point)):
            found[key] = disk
    return tuple(sorted(found.values(), key=lambda disk: str(disk.mount_point)))


def _disk(files: SystemFiles, mount: Filesystem) -> MountedDisk:
    total = free = None
    if not mount.is_network:
        try:
            status = os.statvfs(files.place(str(mount.mount_point)))
            total, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
        except OSError:
            pass
    kind, removable = _kind(files, mount)
    return MountedDisk(
        mount.mount_point,
        clean_line(mount.source),
        clean_line(mount.kind, 40),
        kind,
        total,
        free,
        removable,
        mount.read_only,
    )


def _kind(files: SystemFiles, mount: Filesystem) -> tuple[DiskKind, bool]:
    """What stands behind a mount, and whether it can be pulled out."""
    if mount.is_network:
        return "network", False
    if mount.kind in _MEMORY:
        return "memory", False
    name = _block(files, mount.source)
    if not name:
        return "unknown", False
    removable = files.number(f"/sys/block/{name}/removable") == 1
    if name.startswith("nvme"):
        return "nvme", False
    if name.startswith("mmcblk"):
        return "sd card", True
    if "/usb" in files.target(f"/sys/block/{name}"):
        return "usb", True
    turning = files.number(f"/sys/block/{name}/queue/rotational")
    if turning is None or name.startswith(("vd", "xvd", "loop", "zram")):
        return "unknown", removable  # a virtual disk's word about that means nothing
    return ("hdd" if turning else "ssd"), removable


def _block(files: SystemFiles, source: str) -> str:
    """The whole disk that the device `source` is a part of; below encryption and volume groups the first one. Empty
    where it is no device."""
    if not source.startswith("/dev/"):
        return ""
    name = files.target(source).rpartition("/")[2] or source.rpartition("/")[2]
    for _ in range(8):
        if below := files.glob(f"/sys/block/{name}/slaves/*"):
            name = below[0].rpartition("/")[2]
        elif files.exists(f"/sys/block/{name}"):
            return name
        elif whole := files.glob(f"/sys/block/*/{name}"):
            name = whole[0].split("/")[3]
        else:
            return ""
    return ""


def _from_psutil() -> list[Filesystem]:
    import psutil  # 45 ms, which Linux is spared

    return [
        Filesystem(part.fstype, Path(part.mountpoint), part.device, "ro" in part.opts.split(","))
        for part in psutil.disk_partitions(all=False)
    ]
