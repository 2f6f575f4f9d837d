"""Bringing a model in, letting it answer, and removing it: over the real library."""

from __future__ import annotations

import shutil
from pathlib import Path

from offgrid_tui.library.model import ModelState
from offgrid_tui.models.filter import Place
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.overlays.questions import Confirm
from tests.ui_catalog.catalog_desk import CatalogDesk, open_catalog

KEYS = {"/": "slash", "-": "minus", "_": "underscore", ".": "full_stop"}


async def import_file(desk: CatalogDesk, path: Path) -> None:
    await desk.press("i")
    await desk.until(lambda: isinstance(desk.app.screen, Picker), "the picker")
    await desk.press("backspace", "backspace", *(KEYS.get(key, key) for key in str(path)))
    await desk.until(lambda: desk.shows(path.name), "the file")
    await desk.press("enter")


def here(desk: CatalogDesk) -> list[str]:
    return [row.name for row in desk.screen.rows if row.installed is not None and row.trust == "local"]


async def test_a_file_comes_in_answers_and_goes(home: Paths, random_model: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "tiny.gguf"
    elsewhere.parent.mkdir()
    shutil.copy(random_model, elsewhere)
    async with open_catalog(home, size=(100, 40)) as desk:
        await import_file(desk, elsewhere)
        await desk.until(lambda: any("is here" in toast for toast in desk.toasts()), "the import")
        await desk.until(lambda: here(desk), "its row")
        await desk.press("s")
        assert desk.asked.place is Place.HERE
        while desk.screen.row is None or desk.screen.row.trust != "local":
            await desk.press("down")
        row = desk.screen.row
        assert row.installed is not None and row.state is ModelState.INSTALLED and row.needs_from == "header"

        await desk.press("a")
        await desk.until(lambda: desk.app.model == str(row.installed and row.installed.path), "the model")
        await desk.until(lambda: desk.screen.row and desk.screen.row.state is ModelState.ACTIVE, "the state")
        await desk.press("a")
        assert desk.toasts()[-1] == "It answers already"

        await desk.press("x")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm) and desk.shows("come free"), "the question")
        await desk.press("n")
        assert row.installed.path.exists()
        await desk.press("x")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")
        await desk.press("y")
        await desk.until(lambda: not here(desk), "its end")
        assert not row.installed.path.exists() and elsewhere.exists()
        assert any("was removed" in toast for toast in desk.toasts())


async def test_what_is_no_model_is_refused_in_words(home: Paths, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF\x03\0\0\0")
    async with open_catalog(home, size=(100, 40)) as desk:
        await import_file(desk, tmp_path / "broken.gguf")
        await desk.until(lambda: desk.toasts(), "the reason")
        assert not here(desk) and not any("Error" in toast for toast in desk.toasts())
