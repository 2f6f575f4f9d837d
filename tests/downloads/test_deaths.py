"""Killed at any moment: what arrives is right, little is fetched twice, and nothing is left lying about."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from offgrid_tui.downloads.background import lock_of
from offgrid_tui.downloads.contract import Order
from offgrid_tui.downloads.installing import install
from offgrid_tui.downloads.journal import read_journal
from offgrid_tui.downloads.model import DownloadState
from offgrid_tui.downloads.process import Mover, Stray
from offgrid_tui.library import staging
from offgrid_tui.library.model import Check
from offgrid_tui.system.identity import ProcessName
from offgrid_tui.system.paths import Paths
from tests.downloads import download_process
from tests.downloads.downloads_desk import INTERVAL, REPOSITORY, Bench, settings_for, tiny, until, variant_of
from tests.support.hub import LoopbackHub

SEED = 20261120  # of the moments; another one has to hold as well
KILLS = int(os.environ.get("OFFGRID_TEST_KILLS", "12"))  # of movers in one download
PIECE = 64 * 2**10  # bytes that come at once and are on their way when a process dies


@pytest.fixture
def files(hub: LoopbackHub, tmp_path: Path) -> dict[str, bytes]:
    made = tiny(tmp_path, kib=max(1536, KILLS * 120), tensors=6, split=2)
    hub.add(REPOSITORY, made)
    assert len(made) == 3
    return made


def _folder(home: Paths) -> Path | None:
    return next((home.models / ".incoming").glob("download-*"), None)


def _mover(home: Paths) -> int | None:
    """The process that moves the bytes, by the lock that it holds."""
    folder = _folder(home)
    if folder is None or not Stray(folder).lives():
        return None
    name = ProcessName.parse((folder / "lock").read_text().strip())
    return name.pid if name else None


def _on_disk(home: Paths) -> int:
    folder = _folder(home)
    return sum(path.stat().st_size for path in folder.glob("*.part")) if folder else 0


async def test_movers_that_are_killed_cost_an_interval_each(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    moments = random.Random(SEED)
    lost = kills = 0
    async with Bench(home, settings_for(hub, limit=1.5)) as bench:
        added = await bench.downloads.get(variant_of(hub, files))
        while kills < KILLS and bench.downloads.download(added.id).state is not DownloadState.INSTALLED:
            goal = _on_disk(home) + moments.randrange(20_000, 150_000)
            await until(lambda goal=goal: (_on_disk(home) >= goal and _mover(home)) or _over(bench, added.id))
            if (pid := _mover(home)) is None:
                continue
            os.kill(pid, signal.SIGKILL)
            kills += 1
            await until(lambda pid=pid: not _alive(pid))
            folder = _folder(home)
            assert folder is not None
            for part in folder.glob("*.part"):
                journal = read_journal(part.with_suffix(".journal"))
                sure = journal.offset if journal else 0
                assert part.stat().st_size - sure < INTERVAL + PIECE
                lost += part.stat().st_size - sure
        bench.downloads.limit = None
        [done] = await bench.downloads.ended([added.id])
        assert (done.state, done.problem) == (DownloadState.INSTALLED, None)
        [model] = bench.library.models
        assert {file.path.name: file.path.read_bytes() for file in model.files} == files
        assert model.check is Check.VERIFIED and _folder(home) is None
    assert kills >= KILLS // 3, "it was done before it was killed often enough"
    assert lost <= kills * (INTERVAL + PIECE)


def _over(bench: Bench, id: str) -> bool:
    return bench.downloads.download(id).state is DownloadState.INSTALLED


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _wait(fact) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < ends, "it never became true"
        time.sleep(0.01)


@pytest.mark.parametrize("stay", [False, True], ids=["mover ends with it", "mover goes on"])
async def test_a_workstation_that_is_killed_again_and_again(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], stay: bool
) -> None:
    moments = random.Random(SEED)
    variant = variant_of(hub, files)
    for _ in range(5):
        before = _on_disk(home)
        child = download_process.start(home, hub.url, variant, limit=1.0, stay=stay)
        goal = before + moments.randrange(10_000, 200_000)
        _wait(lambda child=child, goal=goal: _on_disk(home) >= goal or child.poll() is not None)
        assert child.poll() is None, "it was done before it could be killed"
        child.kill()
        child.wait()
        if not stay:
            _wait(lambda: _mover(home) is None)
    if stay:
        assert _mover(home) is not None, "the mover did not outlive its workstation"
    async with Bench(home, settings_for(hub)) as bench:
        [one] = bench.downloads.all
        [done] = await bench.downloads.ended([one.id])
        assert (done.state, done.problem) == (DownloadState.INSTALLED, None)
        await bench.library.reload()
        [model] = bench.library.models
        assert {file.path.name: file.path.read_bytes() for file in model.files} == files
        assert _folder(home) is None
        assert await bench.database.check() == []


async def test_a_mover_that_was_left_is_followed_and_can_be_paused(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    child = download_process.start(home, hub.url, variant_of(hub, files), limit=0.3, stay=True)
    _wait(lambda: _on_disk(home) > 30_000)
    child.kill()
    child.wait()
    mover = _mover(home)
    assert mover is not None
    async with Bench(home, settings_for(hub)) as bench:
        [one] = bench.downloads.all
        seen = bench.downloads.progress(one.id).done
        await until(lambda: bench.downloads.progress(one.id).done > seen + 50_000)
        assert _mover(home) == mover  # it is that one which still moves the bytes
        await bench.downloads.pause(one.id)
        await until(lambda: not _alive(mover))
        await until(lambda: bench.downloads.download(one.id).holder == "")
        assert bench.downloads.download(one.id).state is DownloadState.PAUSED
        await bench.downloads.resume(one.id)
        assert (await bench.downloads.ended([one.id]))[0].state is DownloadState.INSTALLED


async def test_leaving_lets_it_go_on_and_the_next_one_installs_it(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes]
) -> None:
    first = Bench(home, settings_for(hub, limit=1.0))
    await first.__aenter__()
    added = await first.downloads.get(variant_of(hub, files))
    await until(lambda: first.downloads.progress(added.id).done > 30_000)
    await first.downloads.close(stay=True)
    await first.__aexit__()
    assert _mover(home) is not None
    _wait(lambda: _mover(home) is None)
    fetched = len(hub.requests)
    async with Bench(home, settings_for(hub)) as bench:
        assert (await bench.downloads.ended([added.id]))[0].state is DownloadState.INSTALLED
        assert len(hub.requests) == fetched  # everything was here


async def test_death_between_arriving_and_the_record(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are half in place, the record is not written: the next start finishes it, and fetches nothing."""
    real, count = staging.sync_folder, 0

    def dies(folder: Path) -> None:
        nonlocal count
        count += 1
        if count == 3:  # the first file was renamed
            raise KeyboardInterrupt
        real(folder)

    monkeypatch.setattr(staging, "sync_folder", dies)
    async with Bench(home, settings_for(hub), work=False) as bench:
        added = await bench.downloads.get(variant_of(hub, files))
        shelf, folder = bench.library.shelf, home.models / ".incoming" / f"download-{added.id}"
        await _fetch_only(bench, added.id)
        await bench.downloads.refresh()
        with pytest.raises(KeyboardInterrupt):
            install(shelf, bench.downloads.download(added.id), folder, {})
        assert len(list(home.models.rglob("*.gguf"))) == 1
    monkeypatch.setattr(staging, "sync_folder", real)
    asked = len(hub.requests)
    async with Bench(home, settings_for(hub)) as again:
        assert (await again.downloads.ended([added.id]))[0].state is DownloadState.INSTALLED
        [model] = again.library.models
        assert {file.path.name: file.path.read_bytes() for file in model.files} == files
        assert len(hub.requests) == asked and _folder(home) is None


async def _fetch_only(bench: Bench, id: str) -> None:
    """Have all files arrive, and nothing else."""
    desk = bench.downloads._desk
    folder = desk.folder(id)
    folder.mkdir(parents=True, exist_ok=True)
    download = bench.downloads.download(id)
    order = Order(
        str(folder),
        tuple(desk.ordered(download, n) for n in range(len(download.files))),
        "download",
        desk.settings.network,
    )
    mover = await Mover.start(order, desk.log)
    async for _ in mover.said():
        pass
    await mover.ended()


async def test_what_is_to_go_on_is_installed_without_a_terminal(
    home: Paths, hub: LoopbackHub, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal is lost: the transfer goes on, a second one is begun, and both are installed."""
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", hub.url)
    monkeypatch.setenv("OFFGRID_DOWNLOADS_RESERVE", "0")
    other = tiny(home.data.parent, seed=5)
    hub.add("acme/Other-GGUF", other)
    async with Bench(home, settings_for(hub, limit=1.0, at_once=1)) as bench:
        added = await bench.downloads.get(variant_of(hub, files))
        await bench.downloads.get(variant_of(hub, other, repository="acme/Other-GGUF"))
        await until(lambda: bench.downloads.progress(added.id).done > 30_000)
        bench.downloads.goes_on = True
    async with Bench(home, settings_for(hub), work=False) as watches:
        while {one.state for one in watches.downloads.all} != {DownloadState.INSTALLED}:
            await watches.downloads.refresh()
        await watches.library.reload()
        assert len(watches.library.models) == 2
    lock = lock_of(home)
    await until(lock.try_acquire)
    lock.release()
