"""Which filesystem a path is on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offgrid_tui.system.filesystem import Filesystem, _from_psutil, filesystem_of, find_mount, parse_mountinfo

# Written after proc(5): a bind mount, a mount over a mount, a blank in a name, optional fields of all lengths.
_TABLE = r"""
21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw shared:2 - proc proc rw
30 21 0:40 / /home rw,nosuid shared:9 master:3 - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /home/ada/local\040disk rw - xfs /dev/sdb1 rw
32 21 0:50 / /mnt/far rw - fuse.sshfs ada@host: rw
33 21 8:17 / /mnt/stick ro,nosuid shared:4 - fuseblk /dev/sdc1 rw
34 21 0:60 / /mnt/far rw - tmpfs none rw
35 21 0:61 / /srv/back\134slash rw - 9p hostshare rw
not a line of it
"""


@pytest.mark.parametrize(
    ("path", "kind", "network", "read_only"),
    [
        ("/etc/passwd", "ext4", False, False),
        ("/home/ada/offgrid", "nfs4", True, False),
        ("/home/ada/local disk/x", "xfs", False, False),
        ("/homework", "ext4", False, False),
        ("/mnt/far/x", "tmpfs", False, False),
        ("/mnt/stick", "fuseblk", False, True),
        ("/srv/back\\slash/y", "9p", True, False),
    ],
)
def test_the_mount_that_holds_a_path(path: str, kind: str, network: bool, read_only: bool) -> None:
    found = find_mount(Path(path), parse_mountinfo(_TABLE))
    assert (found.kind, found.is_network, found.read_only) == (kind, network, read_only)


def test_an_unknown_fuse_is_taken_for_a_network() -> None:
    assert Filesystem("fuse.rclone", Path("/"), "").is_network
    assert not Filesystem("fuse.gocryptfs", Path("/"), "").is_network


def test_no_table_is_unknown_and_local() -> None:
    found = find_mount(Path("/x"), [])
    assert found.kind == "unknown"
    assert not found.is_network


def test_the_real_one(tmp_path: Path) -> None:
    assert filesystem_of(Path("/proc/self/status")).kind == "proc"
    here = filesystem_of(tmp_path / "not" / "there" / "yet")
    assert here.kind != "unknown"
    assert os.stat(here.mount_point).st_dev == os.stat(tmp_path).st_dev


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self")
    assert filesystem_of(tmp_path / "link" / "status").kind == "proc"


def test_without_proc_the_same_is_found(tmp_path: Path) -> None:
    """What other systems use works here as well, and agrees."""
    assert find_mount(tmp_path.resolve(), _from_psutil()).kind == filesystem_of(tmp_path).kind
