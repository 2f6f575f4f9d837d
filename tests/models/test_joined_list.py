"""The one list: what can be had and what is here, and what a person does with it."""

from __future__ import annotations

import asyncio

import pytest

from offgrid_tui.catalog.model import CatalogModel, Proof
from offgrid_tui.fit.model import Level
from offgrid_tui.foundation.errors import BusyError, NotFoundError, RefusedError
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, ModelState, Origin
from offgrid_tui.models.events import ModelActivated, ModelsChanged
from offgrid_tui.models.ports import Arrival
from tests.library import made_models
from tests.models.models_desk import GIB, Desk


async def test_a_model_that_is_not_here_is_one_row_of_the_quantisation_that_suits(desk: Desk) -> None:
    big = {"Q8_0": 8 * GIB, "Q4_K_M": 4 * GIB, "Q2_K": 2 * GIB}
    desk.listed("seven", big, parameters=7_000_000_000)
    desk.listed("small", {"Q4_K_M": GIB // 4, "Q8_0": GIB // 2}, parameters=500_000_000)
    desk.listed("huge", {"Q4_K_M": 40 * GIB, "Q2_K": 25 * GIB}, parameters=70_000_000_000)
    await desk.open()
    rows = {row.name: row for row in desk.models.rows()}
    assert {name: row.quantisation for name, row in rows.items()} == {
        "Seven": "Q4_K_M",
        "Small": "Q8_0",
        "Huge": "Q2_K",
    }
    assert rows["Huge"].verdict is not None and rows["Huge"].verdict.level is Level.BLOCKED
    assert all(row.state is ModelState.AVAILABLE and row.needs_from == "size" for row in rows.values())
    assert all(row.needs and row.size and row.needs > row.size for row in rows.values())


async def test_what_is_here_stands_in_its_model_s_place(desk: Desk) -> None:
    model = desk.listed("known", {"Q4_K_M": GIB, "Q8_0": 2 * GIB})
    await desk.open()
    installed = await desk.here("Known", seed=1, of=model.variants[1])
    (row,) = desk.models.rows()
    assert (row.key, row.state) == (model.variants[1].key, ModelState.INSTALLED)
    assert row.installed == installed and row.model == model and row.needs_from == "header"
    assert row.size == installed.size and installed.check is Check.VERIFIED
    other = await desk.here("Else", seed=2)
    assert [row.key for row in desk.models.rows()] == [model.variants[1].key, f"local:{other.id}"]
    assert desk.models.row(f"local:{other.id}").trust == "local"


async def test_a_model_whose_catalog_entry_went_stays_in_the_list(desk: Desk) -> None:
    model = desk.listed("known", {"Q4_K_M": GIB})
    await desk.open()
    installed = await desk.here("Known", seed=1, of=model.variants[0])
    desk.catalog.clear()
    await desk.models.refresh(catalog=True)
    (row,) = desk.models.rows()
    assert row.installed == installed and row.model is None


async def test_states_follow_files_and_transfers(desk: Desk) -> None:
    model = desk.listed("known", {"Q4_K_M": GIB})
    desk.listed("none", {"Q4_K_M": GIB}, proof=Proof.UNAVAILABLE)
    await desk.open()
    key = model.variants[0].key
    assert {row.name: row.state.value for row in desk.models.rows()} == {"Known": "available", "None": "unavailable"}
    desk.arrivals[key] = Arrival(ModelState.DOWNLOADING, 0.25)
    await desk.models.refresh()
    assert (desk.models.row(key).state, desk.models.row(key).progress) == (ModelState.DOWNLOADING, 0.25)
    desk.arrivals.clear()
    installed = await desk.here("Known", seed=1, of=model.variants[0])
    assert desk.models.row(key).state is ModelState.INSTALLED
    await desk.models.activate(key)
    assert desk.models.row(key).state is ModelState.ACTIVE
    aside = installed.path.rename(desk.folder / "aside")
    await desk.library.reconcile()
    await desk.models.refresh()
    assert desk.models.row(key).state is ModelState.BROKEN
    with pytest.raises(RefusedError):
        await desk.models.activate(key)
    aside.rename(installed.path)
    await desk.library.reconcile()
    await desk.models.refresh()
    assert desk.models.row(key).state is ModelState.ACTIVE


async def test_what_is_not_here_can_not_be_made_active(desk: Desk) -> None:
    model = desk.listed("known", {"Q4_K_M": GIB})
    await desk.open()
    with pytest.raises(RefusedError, match="available"):
        await desk.models.activate(model.variants[0].key)
    with pytest.raises(NotFoundError):
        await desk.models.activate("no/such")


async def test_details_have_every_variant_with_its_fit(desk: Desk) -> None:
    model = desk.listed("known", {"Q8_0": 30 * GIB, "Q4_K_M": 4 * GIB})
    await desk.open()
    await desk.library.note(model.variants[1].key, "good\x1b[2J")
    await desk.models.refresh()
    details = await desk.models.details(model.variants[1].key)
    assert [(v.variant.quantisation, v.proposed) for v in details.variants if v.variant] == [
        ("Q8_0", False),
        ("Q4_K_M", True),
    ]
    assert all(variant.fit is not None for variant in details.variants)
    assert details.note == "good[2J"


async def test_favourites_are_kept_for_what_is_not_here_too(desk: Desk) -> None:
    model = desk.listed("known", {"Q4_K_M": GIB})
    await desk.open()
    key = model.variants[0].key
    assert await desk.models.favourite(key) is True
    assert desk.models.row(key).favourite
    assert await desk.models.favourite(key) is False
    assert not desk.models.row(key).favourite and desk.library.marks == {}


async def test_removing_the_active_one_falls_back_to_the_one_used_last(desk: Desk) -> None:
    await desk.open()
    models = [await desk.here(name, seed=n) for n, name in enumerate(("Aa", "Bb", "Cc"))]
    for model in (models[1], models[0], models[2]):
        await desk.models.loaded(model.path)
    assert desk.models.active is not None and desk.models.active.name == "Cc"
    desk.engine.loaded.add(models[2].path)
    done = await desk.models.remove(f"local:{models[2].id}")
    assert (done.unloaded, done.was_active) == (True, True)
    assert done.successor is not None and done.successor.name == "Aa"
    assert desk.engine.unloaded == [models[2].path] and not models[2].path.exists()
    last = [event for event in desk.told if isinstance(event, ModelActivated)][-1]
    assert (last.path, last.reason) == (models[0].path, "Cc was removed")
    assert desk.models.active_path == models[0].path
    await desk.models.remove(f"local:{models[1].id}")
    assert desk.models.active_path == models[0].path  # it was another one
    done = await desk.models.remove(f"local:{models[0].id}")
    assert done.was_active and done.successor is None and desk.models.active_path is None


async def test_what_answers_now_is_not_removed(desk: Desk) -> None:
    await desk.open()
    model = await desk.here("Aa", seed=1)
    desk.engine.answering.add(model.path)
    with pytest.raises(BusyError):
        await desk.models.remove(f"local:{model.id}")
    assert model.path.is_file() and desk.engine.unloaded == []


async def test_verifying_is_a_state_and_ends(desk: Desk) -> None:
    await desk.open()
    model = await desk.here("Aa", seed=1)
    key, seen = f"local:{model.id}", []
    desk.bus.subscribe(ModelsChanged, lambda _: seen.append(desk.models.row(key).state))
    done = await desk.models.verify(key)
    assert done.model.problem == ""
    assert seen[0] is ModelState.VERIFYING and desk.models.row(key).state is ModelState.INSTALLED


async def test_it_starts_with_a_look_at_the_files(desk: Desk) -> None:
    made_models.model(desk.home.models / "org" / "repo" / "hand.gguf")
    await desk.open(reconcile=True)
    async with asyncio.timeout(20):
        while not any(row.installed and row.installed.check is Check.UNVERIFIED for row in desk.models.rows()):
            await asyncio.sleep(0.01)


async def test_a_broken_catalog_leaves_what_is_here(desk: Desk) -> None:
    from offgrid_tui.foundation.errors import DamagedError

    def broken() -> tuple[()]:
        raise DamagedError("the catalog is broken")

    desk.models._load_catalog = broken
    await desk.library.start()
    made_models.model(desk.home.models / "org" / "repo" / "hand.gguf")
    await desk.library.reconcile()
    await desk.models.start(reconcile=False)
    async with asyncio.timeout(20):
        await desk.models.ready()
    assert [row.name for row in desk.models.rows()] == ["Tiny Test"]


async def test_fifty_thousand_rows_each_have_a_key(desk: Desk) -> None:
    for number in range(50_000):
        desk.listed(f"m{number}", {"Q4_K_M": GIB + number})
    await desk.open()
    assert len(desk.models.rows()) == 50_000
    assert len({row.key for row in desk.models.rows()}) == 50_000


async def test_what_was_seen_on_a_hub_comes_after_what_is_here(desk: Desk) -> None:
    known = desk.listed("known", {"Q4_K_M": GIB})
    desk.listed("hub", {"Q4_K_M": GIB})
    hub = (known, desk.catalog.pop())

    async def seen() -> tuple[CatalogModel, ...]:
        return hub

    desk.models._seen = seen
    await desk.open()
    async with asyncio.timeout(20):
        while len(desk.models.rows()) < 2:
            await asyncio.sleep(0.01)
    await desk.models.refresh(catalog=True)
    assert [row.name for row in desk.models.rows()] == ["Known", "Hub"]


async def test_two_looks_at_once_end_with_the_newer(desk: Desk) -> None:
    desk.listed("known", {"Q4_K_M": GIB})
    await desk.open()
    older = asyncio.create_task(desk.models.refresh())
    await asyncio.sleep(0)
    desk.catalog.clear()
    await desk.models.refresh(catalog=True)
    await older
    assert desk.models.rows() == ()


async def test_what_lies_in_the_package_is_here_and_stays(desk: Desk) -> None:
    model = desk.listed("pocket", {"Q8_0": GIB})
    (file,) = made_models.model(desk.folder / "pocket.gguf")
    inside = InstalledModel(
        "pocket",
        "Pocket",
        Origin.BUNDLED,
        (InstalledFile(file, file.stat().st_size, file.stat().st_mtime, None),),
        Check.VERIFIED,
        0.0,
        catalog=model.variants[0].key,
        pinned=True,
    )
    desk.models._load_bundled = lambda: (inside,)
    await desk.open()
    (row,) = desk.models.rows()
    assert (row.state, row.installed) == (ModelState.INSTALLED, inside)
    assert await desk.models.activate(row.key) == file
    for ask in (desk.models.plan_removal, desk.models.remove):
        with pytest.raises(RefusedError, match="part of OffGrid"):
            await ask(row.key)
    assert file.is_file()
