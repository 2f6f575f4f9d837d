"""The catalog screen on a home of its own, over the real services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.catalog.filterbar import FilterBar
from offgrid_tui.ui.catalog.pane import DetailsPane
from offgrid_tui.ui.catalog.screen import CatalogScreen
from offgrid_tui.ui.widgets.table import Table
from tests.ui.desk import Desk, open_desk


class CatalogDesk:
    """What a test has in its hands."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.app, self.pilot = desk, desk.app, desk.pilot
        self.until, self.shows, self.toasts, self.lines = desk.until, desk.shows, desk.toasts, desk.lines

    @property
    def screen(self) -> CatalogScreen:
        screen = self.app.get_screen_stack("catalog")[0]
        assert isinstance(screen, CatalogScreen)
        return screen

    @property
    def table(self) -> Table:
        return self.screen.query_one(Table)

    @property
    def pane(self) -> DetailsPane:
        return self.screen.query_one(DetailsPane)

    @property
    def names(self) -> list[str]:
        return [row.name for row in self.screen.rows]

    @property
    def asked(self) -> Any:
        return self.screen.query_one(FilterBar).query_now

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()


@asynccontextmanager
async def open_catalog(home: Paths, *, size: tuple[int, int] = (80, 24), **more: Any) -> AsyncIterator[CatalogDesk]:
    """Open the app on `home` and go to the catalog."""
    async with open_desk(home, size=size, **more) as desk:
        catalog = CatalogDesk(desk)
        await desk.pilot.press("escape", "1")
        await desk.until(lambda: desk.app.current_mode == "catalog" and catalog.screen.rows, "the catalog")
        await desk.pilot.pause()
        yield catalog
