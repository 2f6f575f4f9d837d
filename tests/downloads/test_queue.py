"""The queue: what a person may do to it, its order, and that it outlives everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.downloads.errors import NoDownload
from offgrid_tui.downloads.model import ACTIVE, MOVES, UNDER_WAY, DownloadState, may
from offgrid_tui.foundation.errors import BusyError, RefusedError
from offgrid_tui.system.paths import Paths
from tests.downloads.downloads_desk import Bench, fetched, settings_for, tiny, until, variant_of
from tests.support.hub import Fault, LoopbackHub

S = DownloadState


@pytest.fixture
def variants(hub: LoopbackHub, tmp_path: Path) -> list[Variant]:
    made = []
    for seed in (1, 2, 3):
        name = f"acme/Tiny-{seed}-GGUF"
        files = tiny(tmp_path, seed=seed, kib=300)
        hub.add(name, files)
        made.append(variant_of(hub, files, repository=name))
    return made


def _incoming(home: Paths) -> list[Path]:
    return list((home.models / ".incoming").glob("*"))


def test_every_state_is_in_the_table_and_can_be_left() -> None:
    assert set(MOVES) == set(S) and all(MOVES[state] for state in S)
    assert not may(S.INSTALLED, S.PAUSED) and not may(S.VERIFYING, S.PAUSED) and may(S.FAILED, S.QUEUED)


async def test_a_pause_keeps_what_came_and_resume_goes_on(
    home: Paths, hub: LoopbackHub, variants: list[Variant]
) -> None:
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        added = await bench.downloads.get(variants[0])
        await until(lambda: bench.downloads.progress(added.id).done > 100_000)
        await bench.downloads.pause(added.id)
        assert bench.downloads.download(added.id).state is S.PAUSED
        paused = await until(lambda: (one := bench.downloads.download(added.id)).holder == "" and one)
        await bench.downloads.refresh()
        paused = bench.downloads.download(added.id)
        assert paused.state is S.PAUSED and paused.files[0].received > 100_000
        bench.downloads.limit = None
        await bench.downloads.resume(added.id)
        assert (await bench.downloads.ended([added.id]))[0].state is S.INSTALLED
        assert fetched(hub)[-1] == f"bytes={paused.files[0].received}-"


async def test_cancel_deletes_what_came(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        added = await bench.downloads.get(variants[0])
        await until(lambda: bench.downloads.progress(added.id).done > 50_000)
        await bench.downloads.cancel(added.id)
        await until(lambda: not _incoming(home) and not bench.downloads.download(added.id).discard)
        assert bench.downloads.download(added.id).state is S.CANCELLED
        await bench.downloads.clear()
        assert bench.downloads.all == ()


async def test_cancel_keeps_what_came_where_that_is_wanted(
    home: Paths, hub: LoopbackHub, variants: list[Variant]
) -> None:
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        added = await bench.downloads.get(variants[0])
        await until(lambda: bench.downloads.progress(added.id).done > 100_000)
        await bench.downloads.cancel(added.id, keep=True)
        await until(lambda: bench.downloads.download(added.id).holder == "")
        assert _incoming(home)
        bench.downloads.limit = None
        again = await bench.downloads.get(variants[0])
        assert again.id == added.id
        assert (await bench.downloads.ended([added.id]))[0].state is S.INSTALLED
        assert fetched(hub)[-1].startswith("bytes=1")


async def test_the_models_stay_where_they_are_while_something_comes(
    home: Paths, hub: LoopbackHub, variants: list[Variant], tmp_path: Path
) -> None:
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        added = await bench.downloads.get(variants[0])
        await until(lambda: bench.downloads.progress(added.id).done > 50_000)
        with pytest.raises(BusyError) as caught:
            await bench.library.move(tmp_path / "elsewhere")
        assert "offgrid downloads" in caught.value.mend
        [(path, size)] = (await bench.library.storage()).partials
        assert path.name == f"download-{added.id}" and size >= 50_000
        await bench.downloads.cancel(added.id)
        await until(lambda: not _incoming(home))
        await bench.library.move(tmp_path / "elsewhere")


async def test_the_same_model_is_one_download(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    hub.add("acme/Mirror-GGUF", {f.path: c.read(0, c.size) for f, c in _contents(hub, variants[0])})
    mirror = replace(variants[0], repository="acme/Mirror-GGUF", revision=None)
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        first = await bench.downloads.get(variants[0])
        assert (await bench.downloads.get(variants[0])).id == first.id
        assert (await bench.downloads.get(mirror)).id == first.id
        bench.downloads.limit = None
        await bench.downloads.ended([first.id])
        assert (await bench.downloads.get(variants[0])).state is S.INSTALLED
        assert len(bench.library.models) == 1 and len(fetched(hub)) == 1


def _contents(hub: LoopbackHub, variant: Variant):  # type: ignore[no-untyped-def]
    return [(file, hub.repositories[variant.repository].files[file.path]) for file in variant.files]


async def test_two_at_once_and_the_rest_in_order(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub, limit=0.1)) as bench:
        ids = [(await bench.downloads.get(variant)).id for variant in variants]
        await until(lambda: sum(one.state in ACTIVE for one in bench.downloads.all) == 2)
        assert bench.downloads.download(ids[2]).state is S.QUEUED
        await bench.downloads.pause(ids[0])
        await bench.until(ids[2], *ACTIVE)
        assert sum(one.state in ACTIVE for one in bench.downloads.all) == 2


async def test_priority_and_place_decide_what_comes_next(
    home: Paths, hub: LoopbackHub, variants: list[Variant]
) -> None:
    async with Bench(home, settings_for(hub), work=False) as bench:
        first, second, third = [(await bench.downloads.get(variant)).id for variant in variants]
        assert [one.id for one in bench.downloads.all] == [first, second, third]
        await bench.downloads.reorder(third, -1)
        assert [one.id for one in bench.downloads.all] == [first, third, second]
        await bench.downloads.reorder(third, -5)
        assert [one.id for one in bench.downloads.all] == [third, first, second]
        await bench.downloads.reorder(third, 2)
        assert [one.id for one in bench.downloads.all] == [first, second, third]
        await bench.downloads.prioritise(third, 1)
        assert [one.id for one in bench.downloads.all] == [third, first, second]


async def test_the_next_start_goes_on_with_all_of_it(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub, limit=0.2)) as bench:
        ids = [(await bench.downloads.get(variant)).id for variant in variants]
        await bench.downloads.pause(ids[2])
        await until(lambda: bench.downloads.progress(ids[0]).done > 50_000)
    async with Bench(home, settings_for(hub), work=False) as bench:
        assert {bench.downloads.download(id).state for id in ids[:2]} == {S.QUEUED}
        assert all(one.holder == "" for one in bench.downloads.all)
    async with Bench(home, settings_for(hub)) as bench:
        done = await bench.downloads.ended(ids)
        assert [one.state for one in sorted(done, key=lambda one: ids.index(one.id))] == [
            S.INSTALLED,
            S.INSTALLED,
            S.PAUSED,
        ]


async def test_what_was_removed_can_be_had_again(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub)) as bench:
        first = await bench.get(variants[0])
        await bench.library.remove(first.model)
        again = await bench.get(variants[0])
        assert again.id == first.id and again.state is S.INSTALLED
        assert len(fetched(hub)) == 2 and bench.library.models[0].path.is_file()


async def test_what_makes_no_sense_is_refused(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub)) as bench:
        done = await bench.get(variants[0])
        for act in (bench.downloads.pause, bench.downloads.cancel):
            with pytest.raises(RefusedError) as caught:
                await act(done.id)
            assert "installed" in caught.value.title
        with pytest.raises(NoDownload):
            await bench.downloads.pause("nothing")
        with pytest.raises(RefusedError):
            await bench.downloads.get(replace(variants[1], proof=Proof.UNAVAILABLE, reason="its repository is closed"))


async def test_another_window_commands_the_one_that_works(
    home: Paths, hub: LoopbackHub, variants: list[Variant]
) -> None:
    """Two OffGrids on one home: the second sees the first's progress, pauses it and cancels it."""
    async with (
        Bench(home, settings_for(hub, limit=0.1)) as works,
        Bench(home, settings_for(hub), work=False) as watches,
    ):
        added = await works.downloads.get(variants[0])
        await until(lambda: works.downloads.progress(added.id).done > 30_000)
        await watches.downloads.refresh()
        assert watches.downloads.download(added.id).state is S.DOWNLOADING
        await watches.downloads.pause(added.id)
        await works.until(added.id, S.PAUSED)
        await until(lambda: works.downloads.download(added.id).holder == "")
        await watches.downloads.cancel(added.id)
        await until(lambda: not _incoming(home))


async def test_two_that_work_never_fetch_the_same(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    async with Bench(home, settings_for(hub)) as one, Bench(home, settings_for(hub)) as other:
        ids = [(await one.downloads.get(variant)).id for variant in variants]
        await asyncio.gather(one.downloads.ended(ids), _foreign_end(other, ids))
        assert len(fetched(hub)) == len(variants) and set(fetched(hub)) == {""}
        await other.library.reload()
        assert len(one.library.models) == len(other.library.models) == 3


async def _foreign_end(bench: Bench, ids: list[str]) -> None:
    await until(lambda: {one.id for one in bench.downloads.all} == set(ids))
    await until(lambda: not any(one.state in UNDER_WAY for one in bench.downloads.all))


async def test_a_failed_one_does_not_hold_up_the_others(home: Paths, hub: LoopbackHub, variants: list[Variant]) -> None:
    hub.misbehave(Fault.REDIRECT, path=variants[0].repository, target="ftp://elsewhere.example/")
    async with Bench(home, settings_for(hub, at_once=1)) as bench:
        ids = [(await bench.downloads.get(variant)).id for variant in variants]
        done = {one.id: one.state for one in await bench.downloads.ended(ids)}
        assert [done[id] for id in ids] == [S.FAILED, S.INSTALLED, S.INSTALLED]
