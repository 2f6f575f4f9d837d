"""What to take on this machine: nine lines with their reasons, and the way to the chosen row."""

from __future__ import annotations

from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.catalog.recommending import Recommendations
from offgrid_tui.ui.widgets.table import Table
from tests.ui.readable import assert_readable
from tests.ui_catalog.catalog_desk import open_catalog


async def test_every_role_has_its_three(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("r")
        await desk.until(lambda: isinstance(desk.app.screen, Recommendations) and desk.shows("embedding"), "the list")
        for word in ("chat", "code", "fastest", "balanced", "best", "t/s"):
            assert desk.shows(word), word
        assert desk.app.screen.query_one(Table).count == 9
        assert_readable(desk.desk)
        await desk.press("down", "down")
        await desk.until(lambda: desk.shows("the most that fits"), "the reason")
        await desk.press("escape")
        assert desk.app.screen is desk.screen


async def test_enter_goes_to_its_row_whatever_hides_it(home: Paths) -> None:
    async with open_catalog(home) as desk:
        await desk.press("slash", *"nothing like this", "enter")
        assert desk.names == []
        await desk.press("r")
        await desk.until(lambda: desk.shows("embedding"), "the list")
        await desk.press(*["down"] * 5)  # the best for code
        overlay = desk.app.screen
        assert isinstance(overlay, Recommendations)
        pick = overlay.picks[5]
        assert (pick.role, pick.label.value) == ("code", "best") and pick.row is not None
        await desk.press("enter")
        await desk.until(lambda: desk.screen.row and desk.screen.row.key == pick.row.key, "its row")
        assert desk.app.screen is desk.screen and desk.screen.focused is desk.table and desk.asked.text == ""
