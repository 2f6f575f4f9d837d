"""Disks that are full, fill up, or hold no large files: nothing that came is lost, and it goes on by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from offgrid_tui.downloads.model import DownloadState, Waiting
from offgrid_tui.hardware.disk import read_disk
from offgrid_tui.system.paths import Paths
from tests.downloads import download_process
from tests.downloads.downloads_desk import REPOSITORY, Bench, settings_for, tiny, variant_of, without_sizes
from tests.support.hub import LoopbackHub

# A small disk of its own for the models, of which a filler takes all but $1 MB.
_SMALL_DISK = (
    'mount -t tmpfs -o size=8m none "$0" && free=$1 && shift &&'
    ' dd if=/dev/zero of="$0/filler" bs=1M count=$((8 - free)) 2>/dev/null && exec "$@"'
)
_CAN_MOUNT = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
needs_mount = pytest.mark.skipif(not _CAN_MOUNT, reason="this user may not mount a disk of its own")


@pytest.fixture
def files(hub: LoopbackHub, tmp_path: Path) -> dict[str, bytes]:
    made = tiny(tmp_path, kib=3 * 1024)
    hub.add(REPOSITORY, made)
    return made


async def test_it_does_not_begin_where_the_reserve_would_go(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    free = read_disk(home.data).free
    async with Bench(home, settings_for(hub, reserve=free / 1e9 + 1)) as bench:
        added = await bench.downloads.get(variant_of(hub, files))
        waiting = await bench.until(added.id, DownloadState.WAITING)
        assert waiting.waiting is Waiting.SPACE and waiting.problem is not None
        assert "no room" in waiting.problem.title and "free" in waiting.problem.detail
        assert hub.requests == []


@needs_mount
def test_a_disk_that_is_short_is_waited_for(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    said = _on_a_small_disk(home, hub, files, sizes=True)
    assert hub.asked("", server="cdn")[0].headers.get("range") is None and len(hub.asked("", server="cdn")) == 1
    assert said == ["queued -", "waiting space", "downloading -", "verifying -", "installed -", "end installed"]


@needs_mount
def test_a_disk_that_fills_up_keeps_all_that_came(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    """Nobody knew the size before: the disk is full in the middle of a write."""
    said = _on_a_small_disk(home, hub, files, sizes=False)
    assert "waiting space" in said and said[-1] == "end installed"
    first, *more = [request.headers.get("range") for request in hub.asked("", server="cdn")]
    assert first is None and more
    assert int((more[-1] or "").removeprefix("bytes=").rstrip("-")) > 500_000


def _on_a_small_disk(home: Paths, hub: LoopbackHub, files: dict[str, bytes], *, sizes: bool) -> list[str]:
    home.models.mkdir(parents=True)
    variant = variant_of(hub, files)
    variant = variant if sizes else without_sizes(variant)
    before = ("unshare", "-m", "sh", "-c", _SMALL_DISK, str(home.models), "1")
    child = download_process.start(home, hub.url, variant, before, filler="filler", interval=2**30)
    assert child.stdout is not None and child.stdin is not None
    said = []
    for line in child.stdout:
        said.append(line.strip())
        if said[-1] == "waiting space" and said.count("waiting space") == 1:
            child.stdin.write("make room\n")
            child.stdin.flush()
    assert child.wait() == 0
    return said


def test_a_filesystem_that_holds_no_such_file_is_named(home: Paths, hub: LoopbackHub, files: dict[str, bytes]) -> None:
    child = download_process.start(home, hub.url, variant_of(hub, files), largest=1_500_000)
    said, _ = child.communicate(timeout=60)
    assert said.splitlines()[-1].startswith("end failed") and "too large for this filesystem" in said
    [part] = (home.models / ".incoming").rglob("*.part")
    assert part.stat().st_size <= 1_500_000
