"""Which kind of filesystem a path is on. Databases and sockets need to know: shared memory, locks and Unix sockets
work differently, or not at all, across a network."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")

# fmt: off
# Kinds on which another machine (or the host of a virtual one) can change a file behind our page cache.
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "afpfs", "webdav", "ceph", "lustre", "glusterfs", "beegfs", "gpfs",
    "gfs2", "ocfs2", "orangefs", "pvfs2", "coda", "9p", "drvfs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs",
})
# FUSE filesystems that keep their files on a disk of this machine. Any other one is taken for a network.
_LOCAL_FUSE = frozenset({
    "fuse.ntfs-3g", "fuse.exfat", "fuse.encfs", "fuse.gocryptfs", "fuse.ecryptfs", "fuse.cryfs", "fuse.mergerfs",
    "fuse.bindfs", "fuse.fuse-overlayfs", "fuse.zfs", "fuse.fuse2fs", "fuse.bcachefs",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Filesystem:
    """`kind` as the system names it (ext4, nfs4, fuse.sshfs; "unknown" where it could not be told)."""

    kind: str
    mount_point: Path
    source: str
    read_only: bool = False

    @property
    def is_network(self) -> bool:
        """Other machines may have it mounted, so that shared memory between processes cannot be relied on."""
        if self.kind.startswith("fuse."):
            return self.kind not in _LOCAL_FUSE
        return self.kind in _NETWORK


def filesystem_of(path: Path) -> Filesystem:
    """The filesystem that holds `path`, or would hold it: the nearest folder that exists decides. Never raises."""
    real = os.path.realpath(path)
    try:
        table = parse_mountinfo(_MOUNTINFO.read_text("utf-8", "surrogateescape"))
    except OSError:
        table = [] if sys.platform == "linux" else _from_psutil()
    return find_mount(Path(real), table)


def find_mount(path: Path, table: list[Filesystem]) -> Filesystem:
    """The entry with the longest mount point above `path`; of equals the last, since it lies on top."""
    best: Filesystem | None = None
    for mount in table:
        if path.is_relative_to(mount.mount_point) and (
            best is None or len(mount.mount_point.parts) >= len(best.mount_point.parts)
        ):
            best = mount
    return best or Filesystem("unknown", Path("/"), "")


def parse_mountinfo(text: str) -> list[Filesystem]:
    """The mounts in the format of /proc/self/mountinfo (proc(5)); lines that are not of it are left out."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        head, tail = before.split(" "), after.split(" ")
        if separator and len(head) >= 6 and len(tail) >= 2:
            options = head[5].split(",")
            mounts.append(Filesystem(tail[0], Path(_plain(head[4])), _plain(tail[1]), "ro" in options))
    return mounts


def _plain(field: str) -> str:
    """Space, tab, newline and backslash are written as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), field)


def _from_psutil() -> list[Filesystem]:
    """For systems without /proc. psutil costs 45 ms to load, which Linux is spared."""
    import psutil

    return [
        Filesystem(p.fstype, Path(p.mountpoint), p.device, "ro" in p.opts.split(","))
        for p in psutil.disk_partitions(all=True)
    ]
