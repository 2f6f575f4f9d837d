"""ctrl+o from anywhere: models that are here with how they fit, and files by their path."""

from __future__ import annotations

import shutil
from pathlib import Path

from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.ages import ago
from offgrid_tui.ui.overlays.picker import Picker
from tests.ui_catalog.catalog_desk import open_catalog


async def test_a_file_is_opened_by_its_path(home: Paths, random_model: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "tiny.gguf"
    elsewhere.parent.mkdir()
    shutil.copy(random_model, elsewhere)
    async with open_catalog(home) as desk:
        await desk.press("ctrl+o")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the picker")
        for key in str(elsewhere.parent / "ti"):
            await desk.pilot.press({"/": "slash", "-": "minus", "_": "underscore", ".": "full_stop"}.get(key, key))
        await desk.until(lambda: desk.shows("tiny.gguf"), "the file")
        await desk.press("enter")
        await desk.until(lambda: desk.app.model == str(elsewhere), "the model")
        assert desk.app.current_mode == "catalog"


async def test_loose_files_in_the_models_folder_are_offered(home: Paths, random_model: Path) -> None:
    (home.models / "a").mkdir(parents=True)
    shutil.copy(random_model, home.models / "a" / "tiny.gguf")
    async with open_catalog(home) as desk:
        await desk.press("ctrl+o", *"tiny")
        await desk.until(lambda: isinstance(desk.app.screen, Picker) and desk.shows("tiny"), "the file")
        await desk.press("enter")
        await desk.until(lambda: (desk.app.model or "").endswith("tiny.gguf"), "the model")


def test_how_long_ago() -> None:
    now = 1_000_000.0
    told = [ago(now - seconds, now) for seconds in (-5, 3, 42, 125, 7200, 200_000)]
    assert told == ["just now", "just now", "42 s ago", "2 min ago", "2 h ago", "2 d ago"]
    assert ago(None, now) == ""
