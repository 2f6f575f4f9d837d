"""Which media there are, and what they can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from offgrid_tui.system.filesystem import Filesystem, find_mount, parse_mountinfo
from offgrid_tui.transfer import media
from offgrid_tui.transfer.media import FAT_LIMIT, PART, Medium, find_bundles, medium_of

# Lines as the kernel writes them for sticks that a desktop mounted; the path and source are made up.
MOUNTINFO = r"""
36 25 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
60 36 8:17 / /media/u/KINGSTON rw,nosuid,nodev shared:300 - vfat /dev/sdb1 rw,uid=1000,fmask=0022,codepage=437
61 36 8:33 / /media/u/MY\040STICK ro,nosuid shared:301 - exfat /dev/sdc1 ro,uid=1000
62 36 0:50 / /mnt/nas rw - nfs4 nas:/x rw
"""


@pytest.mark.parametrize(
    ("folder", "kind", "largest", "read_only"),
    [
        ("/media/u/KINGSTON/models", "vfat", FAT_LIMIT, False),
        ("/media/u/MY STICK", "exfat", None, True),
        ("/home/u", "ext4", None, False),
    ],
)
def test_what_a_filesystem_can_hold(
    folder: str, kind: str, largest: int | None, read_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = parse_mountinfo(MOUNTINFO)
    monkeypatch.setattr(media, "filesystem_of", lambda path: find_mount(path, table))
    found = medium_of(Path(folder))
    assert (found.kind, found.largest, found.read_only) == (kind, largest, read_only)
    assert medium_of(Path(folder), 5).largest == 5


def test_files_are_cut_only_where_they_must_be() -> None:
    fat = Medium(Path("/x"), "vfat", 0, False, FAT_LIMIT)
    assert fat.sizes(FAT_LIMIT) == (FAT_LIMIT,)
    assert fat.sizes(FAT_LIMIT + 1) == (PART,) * 4
    assert fat.sizes(4 * PART + 7) == (PART, PART, PART, PART, 7)
    assert Medium(Path("/x"), "exfat", 0, False, None).sizes(2**40) == (2**40,)


def test_mounted_bundles_are_found(tmp_path: Path) -> None:
    for name in ("stick/offgrid-bundle", "disk/models/offgrid-bundle", "deep/a/b/offgrid-bundle", "nas/offgrid-bundle"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    mounts = [
        Filesystem("vfat", tmp_path / "stick", "a"),
        Filesystem("vfat", tmp_path / "stick", "a"),  # mounted over itself
        Filesystem("ext4", tmp_path / "disk", "b"),
        Filesystem("exfat", tmp_path / "deep", "c"),
        Filesystem("exfat", tmp_path / "empty", "d"),
        Filesystem("exfat", tmp_path / "gone", "e"),
        Filesystem("nfs4", tmp_path / "nas", "f"),
        Filesystem("proc", tmp_path / "nas", "g"),
    ]
    assert find_bundles(mounts) == (tmp_path / "disk/models", tmp_path / "stick")
