"""How the catalog looks: readable in every theme, harmless whatever others wrote, and two pictures of it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Source, Variant
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean
from offgrid_tui.models.sources import Sources
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource
from offgrid_tui.ui.app import OffGridApp
from offgrid_tui.ui.catalog.full import FullDetails
from offgrid_tui.ui.catalog.screen import CatalogScreen
from offgrid_tui.ui.memory import MemorySampler
from offgrid_tui.workstation import Workstation
from tests.support.scripted import ScriptedProvider
from tests.ui.readable import assert_readable
from tests.ui_catalog.catalog_desk import open_catalog
from tests.ui_catalog.made_rows import catalog

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J \u202egpj [red]not red[/] [/]"


@pytest.mark.parametrize("theme", sorted(path.stem for path in resource("themes").glob("*.toml")))
@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_every_text_can_be_read(home: Paths, theme: str, size: tuple[int, int]) -> None:
    async with open_catalog(home, size=size, theme=theme) as desk:
        await desk.until(lambda: desk.pane.sheet, "the details")
        assert_readable(desk.desk)
        await desk.press("asterisk", "down", "t", "slash", "b")
        assert_readable(desk.desk)
        await desk.press("enter", "end")
        assert_readable(desk.desk)
        await desk.press("home", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, FullDetails) and desk.shows("KV f16"), "all about it")
        assert_readable(desk.desk)


async def test_what_others_wrote_is_text(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    file = CatalogFile(f"a{EVIL}.gguf", 2 * 10**9, "ab" * 32)
    variant = Variant(f"Q4{EVIL}", f"org/{EVIL}", (file,), publisher=EVIL, evidence=EVIL, reason=EVIL, notes=(EVIL,))
    model = CatalogModel(
        "evil", f"Evil {EVIL}", Source.OWN, (variant,), maker=EVIL, licence=EVIL, kinds=(Kind.CHAT,),
        capabilities=(EVIL,), aliases=(EVIL,), parameters_text=EVIL,
    )  # fmt: skip
    monkeypatch.setattr(Sources, "models", lambda self: (model,))
    async with open_catalog(home) as desk:
        for size in ((80, 24), (140, 40)):
            await desk.pilot.resize_terminal(*size)
            await desk.until(lambda: desk.shows("[red]not red"), "the name as text")
            assert all(clean(line) == line for line in desk.lines())
        await desk.press("enter")
        await desk.until(lambda: desk.shows("SHA-256"), "the details")
        assert all(clean(line) == line for line in desk.lines())
        await desk.press("escape", "x")
        assert all(clean(toast) == toast for toast in desk.toasts())


async def test_ascii_draws_with_ascii_alone(home: Paths) -> None:
    async with open_catalog(home, ascii=True) as desk:
        await desk.until(lambda: desk.pane.sheet, "the details")
        assert all(line.isascii() for line in desk.lines()), desk.lines()


# ── pictures; `pytest --snapshot-update` takes them anew ───────────────────────────────────────────────────────────


async def shown(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, OffGridApp)
    await app.opened.wait()
    await pilot.press("escape", "1")
    screen: Any = None
    while not isinstance(screen, CatalogScreen) or not screen.rows or screen.row is None:
        await pilot.pause(0.02)
        screen = app.screen
    while app.pulse.memory_used is None or screen.row.key not in screen._sheets:
        await pilot.pause(0.02)
    await pilot.press("t", "down", "down")
    while screen.row.key not in screen._sheets:
        await pilot.pause(0.02)
    screen.tick()
    await pilot.pause()


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="pictures are compared on one Python")
@pytest.mark.parametrize(("theme", "size"), [("dark", (80, 24)), ("light", (140, 40))], ids=["dark-80", "light-140"])
def test_the_catalog_screen(
    snap_compare: Callable[..., bool],
    home: Paths,
    monkeypatch: pytest.MonkeyPatch,
    theme: str,
    size: tuple[int, int],
) -> None:
    async def sample(self: MemorySampler) -> tuple[int, int]:
        return int(5.9 * 2**30), int(14.4 * 2**30)

    monkeypatch.setattr(MemorySampler, "sample", sample)
    monkeypatch.setattr(Sources, "models", lambda self: catalog())
    settings = dataclasses.replace(Settings(), ui=dataclasses.replace(Settings().ui, theme=theme))

    async def opener(bus: Bus) -> Workstation:
        return await Workstation.open(home, settings, provider=ScriptedProvider("unused"), bus=bus)

    app = OffGridApp(home, settings, "/models/qwen3-4b-q4_k_m.gguf", opener=opener)
    assert snap_compare(app, terminal_size=size, run_before=shown)
