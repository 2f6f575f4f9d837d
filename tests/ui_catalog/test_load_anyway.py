"""A model that does not fit: asked about with numbers, loaded where the user wants it all the same."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from offgrid_tui.fit.model import Verdict
from offgrid_tui.fit.service import FitService
from offgrid_tui.hardware.model import Hardware, Memory
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.overlays.questions import Confirm
from tests.ui_catalog.catalog_desk import open_catalog
from tests.ui_catalog.conftest import MACHINE


@pytest.fixture
def _small_machine(monkeypatch: pytest.MonkeyPatch) -> Hardware:
    """One on which the smallest model is too much."""
    small = dataclasses.replace(MACHINE, memory=Memory(2**28, 2**20, 0, 0, None, None))
    snapshot = FitService.snapshot
    monkeypatch.setattr(FitService, "snapshot", lambda self, taken=None, hardware=None: snapshot(self, taken, small))
    return small


@pytest.mark.usefixtures("_small_machine")
async def test_it_is_asked_for_with_numbers_and_loaded_by_force(home: Paths, random_model: Path) -> None:
    (home.models / "a" / "b").mkdir(parents=True)
    shutil.copy(random_model, home.models / "a" / "b" / "tiny.gguf")
    async with open_catalog(home, size=(100, 40)) as desk:
        await desk.press("s")
        await desk.until(lambda: any(row.trust == "local" for row in desk.screen.rows), "the file")
        while desk.screen.row is None or desk.screen.row.trust != "local":
            await desk.press("down")
        verdict = desk.screen.row.verdict
        assert isinstance(verdict, Verdict) and verdict.level.value == "blocked"
        before = desk.app.model
        await desk.press("a")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm) and desk.shows("can be had now"), "the question")
        await desk.press("n")
        assert desk.app.model == before
        await desk.press("a")
        await desk.until(lambda: isinstance(desk.app.screen, Confirm), "the question")
        await desk.press("y")
        await desk.until(lambda: any("is loaded" in toast for toast in desk.toasts()), "its load")
        assert (desk.app.model or "").endswith("tiny.gguf")
        assert [load.force for load in desk.desk.provider.loads] == [True]
