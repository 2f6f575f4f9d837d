"""Everything about one model: where it fits, what it is, which files it has, and who vouches for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.models.details import ModelDetails
from offgrid_tui.models.matrix import Matrix, matrix
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.catalog.report import hashes, report
from offgrid_tui.ui.catalog.sheet import title
from offgrid_tui.ui.markdown.layout import Line
from offgrid_tui.ui.overlays.keys_line import keys_line
from offgrid_tui.ui.widgets.lines import Lines

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


class Report(Lines):
    """The text of it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: tuple[ModelDetails, Matrix] | None = None

    def show(self, details: ModelDetails, found: Matrix) -> None:
        self._told = details, found
        self.changed()

    def build(self, width: int) -> list[Line]:
        return report(*self._told, width) if self._told else []


class FullDetails(ModalScreen[None]):
    """Scrolls; `y` copies the hashes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Close", id="overlay.close"),
        Binding("y", "copy", "Copy hashes", id="details.copy", tooltip="Copy the SHA-256 of all files"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("home", "edge(False)", "Top", show=False),
        Binding("end,G", "edge(True)", "End", show=False),
    ]
    app: OffGridApp

    def __init__(self, row: ModelRow, details: ModelDetails | None = None) -> None:
        """`details` of a model that is in no row of the list."""
        super().__init__()
        self._row, self._details = row, details

    def compose(self) -> ComposeResult:
        keys = keys_line(("↑↓", "scroll"), ("y", "copies the hashes"), ("esc", "closes"))
        with Vertical(classes="overlay full"):
            yield Static(title(self._row), classes="overlay-title", markup=False)
            with VerticalScroll(can_focus=False):
                yield Report()
            yield Static(keys, classes="overlay-keys", markup=False)

    def on_mount(self) -> None:
        self.app.start(self._read())

    async def _read(self) -> None:
        station = self.app.workstation
        try:
            details = self._details or await station.models.details(self._row.key)
            found = await asyncio.to_thread(lambda: matrix(details, station.fit, station.fit.snapshot()))
        except (OffGridError, ValueError) as error:
            self.app.notify(str(error), severity="error")
            return
        self._details = details
        if self.is_attached:
            self.query_one(Report).show(details, found)

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    def action_scroll(self, by: int) -> None:
        self._scroll.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        self._scroll.scroll_relative(y=by * max(self._scroll.size.height - 1, 1), animate=False)

    def action_edge(self, end: bool) -> None:
        self._scroll.scroll_to(y=self._scroll.max_scroll_y if end else 0, animate=False)

    async def action_copy(self) -> None:
        if self._details is not None and (text := hashes(self._details)):
            await self.app.copy(text)
        else:
            self.app.notify("No hash is known")

    def action_close(self) -> None:
        self.dismiss(None)
