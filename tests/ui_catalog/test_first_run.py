"""The first run: what fits this machine, the ways to a model, and never again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.first_run import welcome
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.overlays.welcome import Cards, Welcome
from tests.ui.desk import Desk, open_desk
from tests.ui.readable import assert_readable
from tests.ui_catalog.catalog_desk import CatalogDesk


@pytest.fixture(autouse=True)
def _no_other_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "OLLAMA_MODELS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "person"))


async def greeted(desk: Desk) -> Welcome:
    desk.app.start(welcome(desk.app))
    await desk.until(lambda: isinstance(desk.app.screen, Welcome), "the welcome")
    await desk.pilot.pause()
    assert isinstance(desk.app.screen, Welcome)
    return desk.app.screen


async def test_it_shows_three_that_fit_and_goes_to_the_chosen_one(home: Paths) -> None:
    async with open_desk(home, model=None) as desk:
        screen = await greeted(desk)
        for word in ("Welcome to OffGrid", "4 cores", "fastest", "balanced", "best", "none found"):
            assert desk.shows(word), word
        assert_readable(desk)
        await desk.pilot.press("right", "a")
        assert desk.app.screen is screen and screen.query_one(Cards).chosen == 2
        pick = screen._picks[2]
        assert pick.row is not None
        await desk.pilot.press("enter")
        catalog = CatalogDesk(desk)
        await desk.until(lambda: desk.app.current_mode == "catalog" and catalog.screen.row, "the catalog")
        await desk.until(lambda: catalog.screen.row and catalog.screen.row.key == pick.row.key, "its row")


async def test_one_key_skips_it_and_it_never_comes_again(home: Paths) -> None:
    async with open_desk(home, model=None) as desk:
        await greeted(desk)
        await desk.pilot.press("escape")
        assert desk.app.screen is desk.screen
    async with open_desk(home, model=None) as desk:
        await welcome(desk.app)
        await desk.pilot.pause()
        assert desk.app.screen is desk.screen


async def test_who_named_a_model_is_not_greeted(home: Paths) -> None:
    async with open_desk(home, model="/models/mine.gguf") as desk:
        await welcome(desk.app)
        assert desk.app.screen is desk.screen


async def test_models_of_other_tools_are_adopted(home: Paths, random_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "person" / ".lmstudio" / "models" / "maker" / "tiny-GGUF"
    folder.mkdir(parents=True)
    shutil.copy(random_model, folder / "tiny-Q8_0.gguf")
    async with open_desk(home, model=None) as desk:
        await greeted(desk)
        assert desk.shows("1 found")
        await desk.pilot.press("a")
        await desk.until(lambda: any("1 model of other tools" in toast for toast in desk.toasts()), "the adoption")
        assert [model.path for model in desk.app.workstation.library.models] == [folder / "tiny-Q8_0.gguf"]


async def test_import_asks_for_a_path(home: Paths) -> None:
    async with open_desk(home, model=None) as desk:
        await greeted(desk)
        await desk.pilot.press("i")
        await desk.until(lambda: isinstance(desk.app.screen, Picker) and desk.shows("Import a model"), "the picker")
