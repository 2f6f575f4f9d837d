"""Searching Hugging Face from the screen, against a hub on loopback."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from offgrid_tui.settings.schema import NetworkSettings, Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.catalog.full import FullDetails
from offgrid_tui.ui.catalog.hub import HubSearch
from tests.support.hub import LoopbackHub
from tests.ui_catalog.catalog_desk import open_catalog


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        for name, downloads in (("acme/alpha-3B-GGUF", 50), ("acme/beta-7B-GGUF", 12_000), ("other/gamma-GGUF", 7)):
            running.add(name, files={"model-Q4_K_M.gguf": b"GGUF" + b"\0" * 1000}, downloads=downloads)
        yield running


def settings(url: str) -> Settings:
    return dataclasses.replace(Settings(), network=NetworkSettings(hub=url, timeout=2.0, deadline=5.0))


async def test_a_search_finds_and_opens_a_repository(home: Paths, hub: LoopbackHub) -> None:
    async with open_catalog(home, size=(110, 40), settings=settings(hub.url)) as desk:
        await desk.press("h")
        await desk.until(lambda: desk.shows("acme/beta-7B-GGUF") and desk.shows("just asked"), "what is liked most")
        assert desk.shows("12k")
        await desk.press(*"gamma")
        await desk.until(lambda: desk.shows("other/gamma-GGUF") and not desk.shows("acme/beta"), "what was typed")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, FullDetails) and desk.shows("SHA-256"), "its files")
        assert desk.shows("other/gamma-GGUF") and desk.shows("model-Q4_K_M.gguf")
        await desk.press("escape")
        assert isinstance(desk.app.screen, HubSearch)
        await desk.press("escape")
        assert desk.app.screen is desk.screen


async def test_without_a_network_what_was_seen_before_is_shown_with_its_age(home: Paths, hub: LoopbackHub) -> None:
    async with open_catalog(home, size=(110, 40), settings=settings(hub.url)) as desk:
        await desk.press("h")
        await desk.until(lambda: desk.shows("just asked"), "the answer")
    gone = settings("http://127.0.0.1:9")  # where nobody listens
    async with open_catalog(home, size=(110, 40), settings=gone) as desk:
        await desk.press("h")
        await desk.until(lambda: desk.shows("3 models, as of just now"), "the age")
        await desk.press(*"beta")
        await desk.until(lambda: desk.shows("can't be reached: 1 seen before, as of"), "what was seen of that")
        assert desk.shows("acme/beta-7B-GGUF") and not desk.shows("acme/alpha")
        await desk.press(*"none")
        await desk.until(lambda: desk.shows("nothing was found"), "nothing, rather than something made up")


async def test_off_grid_mode_asks_nobody(home: Paths) -> None:
    chosen = dataclasses.replace(Settings(), network=NetworkSettings(offgrid=True, hub="http://192.0.2.1:9"))
    async with open_catalog(home, size=(110, 40), settings=chosen) as desk:
        await desk.press("h")
        await desk.until(lambda: desk.shows("ff-grid mode") and desk.shows("nothing seen before"), "the reason")


async def test_typing_asks_once(home: Paths, hub: LoopbackHub) -> None:
    async with open_catalog(home, size=(110, 40), settings=settings(hub.url)) as desk:
        await desk.press("h")
        await desk.until(lambda: desk.shows("just asked"), "the first answer")
        before = len(hub.requests)
        await desk.pilot.press(*"alpha")
        await desk.until(lambda: desk.shows("1 model, just asked"), "the answer")
        assert len(hub.requests) - before <= 2
