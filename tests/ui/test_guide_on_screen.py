"""The guide answers where nobody brought another model, and always says what it is."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.chat.guide import guide, is_guide
from offgrid_tui.system.paths import Paths
from tests.ui.desk import open_desk


def bring(home: Paths) -> Path:
    path = home.models / "somebody" / "real.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    return path


async def test_a_fresh_home_opens_with_the_guide(home: Paths) -> None:
    async with open_desk(home, "Press ctrl+p.", model=None) as desk:
        assert desk.app.model == guide() is not None
        assert desk.shows("I am Pocket, the guide inside OffGrid")
        assert any("Pocket" in line and "guide" in line and "t/s" in line for line in desk.lines()), "the status line"
        await desk.ask("Where is the palette?")
        assert any(line.count("guide  get a real model: ^o") for line in desk.lines())
        [request] = desk.provider.requests
        assert request.model == guide() and request.sampling.temperature == 0
    async with open_desk(home, model=None) as desk:
        assert await desk.app.workstation.recent.list() == (), "nobody chose the guide"


async def test_a_model_that_somebody_brought_comes_first(home: Paths) -> None:
    path = bring(home)
    async with open_desk(home, model=None) as desk:
        assert desk.app.model == str(path)
        assert not any("guide" in line for line in desk.lines())


async def test_help_leads_to_the_guide_and_new_chats_lead_back(home: Paths) -> None:
    path = bring(home)
    async with open_desk(home, "It opens the palette.", model=None) as desk:
        await desk.pilot.press("f1")
        await desk.until(lambda: desk.shows("Ask the guide"), "the help")
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.shows("I am Pocket"), "the guide")
        await desk.ask("What does ctrl+p do?")
        assert is_guide(desk.answers[-1].model)
        await desk.pilot.press("ctrl+n")
        await desk.until(lambda: desk.app.model == str(path), "the real model")
        await desk.ask("And now?")
        assert desk.answers[-1].model == str(path)
