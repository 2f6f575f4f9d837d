"""The catalog screen: found by keys, filtered by typing, told what can't be done."""

from __future__ import annotations

from dataclasses import replace

from textual.widgets import Tabs

from offgrid_tui.catalog.model import Kind
from offgrid_tui.downloads.publishers import to_ask_about
from offgrid_tui.fit.model import Level
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.filter import Fits, Order, kinds_of, level_of
from offgrid_tui.settings.schema import NetworkSettings, Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.catalog.acting import COMING
from offgrid_tui.ui.catalog.full import FullDetails
from offgrid_tui.ui.catalog.getting import get_model
from offgrid_tui.ui.frame.keybar import hints
from offgrid_tui.ui.overlays.help import Help
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.overlays.questions import Confirm
from tests.ui_catalog.catalog_desk import open_catalog


async def test_the_best_coding_model_that_fits_takes_two_keys(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("t", "t")
        assert desk.asked.kind is Kind.CODE
        best = desk.screen.row
        assert best is not None and Kind.CODE in kinds_of(best)
        fitting = [row for row in desk.screen.rows if level_of(row) is Level.SAFE]
        assert not fitting or best in fitting
        assert desk.shows(f"{len(desk.screen.rows)} of ")


async def test_typing_filters_at_once(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("slash", *"qwen3")
        assert desk.names and all("qwen3" in name.lower() for name in desk.names)
        await desk.press("down", "down")
        assert desk.table.cursor == 2 and desk.screen.focused is not desk.table
        await desk.press("enter")
        assert desk.screen.focused is desk.table
        found = len(desk.names)
        await desk.press("slash", "escape")
        assert len(desk.names) > found and desk.asked.text == ""
        await desk.press("escape")
        assert desk.screen.focused is desk.table


async def test_keys_go_through_the_filters_and_esc_clears_them(home: Paths) -> None:
    async with open_catalog(home) as desk:
        everything = len(desk.names)
        await desk.press("f")
        assert desk.asked.fits is Fits.YES
        assert all(level_of(row) in (Level.SAFE, Level.TIGHT) for row in desk.screen.rows)
        await desk.press("o", "o")
        assert desk.asked.order is Order.NAME and desk.names == sorted(desk.names, key=str.casefold)
        await desk.press("s")
        assert len({row.key for row in desk.screen.rows}) < everything
        await desk.press("escape")
        assert len(desk.names) == everything and desk.asked.order is Order.BEST


async def test_nothing_found_is_said(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("slash", *"no such model")
        assert desk.names == [] and desk.shows("no model is like that")
        await desk.press("enter", "enter", "a")
        assert desk.toasts()[-1] == "No model is chosen"


async def test_the_pane_tells_of_the_row_under_the_cursor(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("slash", *"qwen3 4b", "enter")
        row = desk.screen.row
        assert row is not None
        await desk.until(lambda: desk.pane.sheet and desk.pane.sheet.row.key == row.key, "the pane")
        sheet = desk.pane.sheet
        assert sheet is not None and row.model is not None and len(sheet.lines) == len(row.model.variants)
        await desk.until(lambda: desk.shows("needs at 8k"), "its variants")


async def test_enter_opens_everything_about_a_model(home: Paths) -> None:
    async with open_catalog(home, size=(100, 120)) as desk:
        await desk.press("slash", *"llama 3.2 1b", "enter", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, FullDetails) and desk.shows("SHA-256"), "the details")
        for part in ("KV f16", "KV q8_0", "128k", "licence", "revision", "repository", "safe: fits with room"):
            assert desk.shows(part), part
        row = desk.screen.row
        assert row is not None and row.variant is not None
        assert desk.shows(str(row.variant.files[0].sha256))
        await desk.press("y")
        await desk.until(lambda: any("characters" in toast for toast in desk.toasts()), "the copy")
        await desk.press("escape")
        assert desk.app.screen is desk.screen


async def test_what_cannot_be_done_is_greyed_with_the_reason(home: Paths) -> None:
    async with open_catalog(home, size=(80, 60)) as desk:
        reasons = {hint.action: hint.reason for _, hint in hints(desk.screen)}
        assert reasons["stick"] == reasons["activate"] == "it is not here" and reasons["get"] == ""
        await desk.press("b")
        assert "not here" in desk.toasts()[-1]
        await desk.press("question_mark")
        await desk.until(lambda: isinstance(desk.app.screen, Help), "the help")
        assert desk.shows("Download this model")
        assert desk.shows("Let this model answer from now on: it is not here")


NOBODY = "http://127.0.0.1:9"  # no hub listens there


async def test_a_model_is_got_and_its_coming_shown(home: Paths) -> None:
    settings = replace(Settings(), network=NetworkSettings(hub=NOBODY))
    async with open_catalog(home, settings=settings) as desk:
        row = desk.screen.row
        assert row is not None and row.variant is not None
        await desk.press("g")
        downloads = desk.app.workstation.downloads
        await desk.until(lambda: downloads.all, "the download")
        assert [one.name for one in downloads.all] == [row.name]
        await desk.until(lambda: any("on its way" in toast for toast in desk.toasts()), "a word")
        await desk.until(lambda: desk.screen.row and desk.screen.row.state in COMING, "the row's state")
        assert desk.screen.why_not("get") == "it is on its way"


async def test_a_publisher_whom_nobody_knows_is_asked_about_once(home: Paths) -> None:
    settings = replace(Settings(), network=NetworkSettings(hub=NOBODY))
    async with open_catalog(home, settings=settings) as desk:
        strange = next(
            row for row in desk.screen.rows if row.trust == "community" and row.state is ModelState.AVAILABLE
        )
        app, downloads = desk.app, desk.app.workstation.downloads
        assert strange.variant is not None
        for answer in ("n", "y"):
            app.start(get_model(app, strange, strange.variant))
            await desk.until(lambda: isinstance(app.screen, Confirm), "the question")
            assert desk.shows("vouches") and not downloads.all
            await desk.press(answer)
        await desk.until(lambda: downloads.all, "the download")
        assert await to_ask_about(app.workstation.database, [strange.variant]) == ()


async def test_off_grid_nothing_is_got(home: Paths) -> None:
    settings = replace(Settings(), network=NetworkSettings(offgrid=True))
    async with open_catalog(home, settings=settings) as desk:
        await desk.press("g")
        await desk.until(lambda: any("off-grid mode is on" in toast for toast in desk.toasts()), "the refusal")
        assert not desk.app.workstation.downloads.all


async def test_the_palette_has_the_actions_of_the_screen(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("ctrl+p", *"another kind")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the palette")
        await desk.press("enter")
        await desk.until(lambda: desk.asked.kind is not None, "another kind")


async def test_a_favourite_is_kept_and_found(home: Paths) -> None:
    async with open_catalog(home) as desk:
        name = desk.names[0]
        await desk.press("asterisk")
        await desk.until(lambda: any(row.favourite for row in desk.screen.rows), "the mark")
        assert desk.screen.row is not None and desk.screen.row.name == name
        await desk.press("o")
        assert desk.names[0] == name or desk.screen.rows[0].state.value in ("active", "installed")
    async with open_catalog(home) as desk:
        assert [row.name for row in desk.screen.rows if row.favourite] == [name]


async def test_the_strip_goes_there_and_back(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("3")
        assert desk.app.current_mode == "chat"
        await desk.press("escape")
        await desk.press("1")
        assert desk.app.current_mode == "catalog"
        await desk.pilot.click("#chat")
        await desk.until(lambda: desk.app.current_mode == "chat", "the chat")
        await desk.press("escape", "1")
        await desk.until(lambda: desk.screen.query_one(Tabs).active == "catalog", "the tab of this screen")
        assert desk.app.current_mode == "catalog"


async def test_it_is_whole_at_any_size(home: Paths) -> None:
    async with open_catalog(home) as desk:
        for size in ((80, 24), (200, 60), (140, 40), (20, 6), (40, 10), (100, 30)):
            await desk.pilot.resize_terminal(*size)
            await desk.pilot.pause()
            assert all(len(line) <= size[0] for line in desk.lines())
        assert desk.screen.row is not None


async def test_chips_and_headers_work_by_mouse(home: Paths) -> None:
    async with open_catalog(home, size=(140, 40)) as desk:
        line = next(line for line in desk.lines() if "kind: all" in line)
        await desk.pilot.click(offset=(line.index("kind: all"), desk.lines().index(line)))
        await desk.until(lambda: desk.asked.kind is Kind.CHAT, "another kind")
        head = next(line for line in desk.lines() if "Params" in line)
        await desk.pilot.click(offset=(head.index("Params"), desk.lines().index(head)))
        await desk.until(lambda: desk.asked.order is Order.PARAMETERS, "another order")
