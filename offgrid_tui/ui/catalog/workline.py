"""The line between the filter and the table: how far an import or a check is; otherwise empty."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widget import Widget

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.ui.messages import LibraryMoved
from offgrid_tui.ui.widgets.gauge import Drawing, gauge

BAR = 20  # cells
_WORDS = {
    "import": "importing",
    "verify": "verifying",
    "adopt": "looking at",
    "move": "moving",
    "reconcile": "looking after",
}


class WorkLine(Widget):
    """One piece of long work; the newest report stands for those before it."""

    DEFAULT_CSS = "WorkLine { height: 1; width: 1fr; padding: 0 1 0 2; }"
    ALLOW_SELECT = False

    def __init__(self, drawing: Callable[[], Drawing]) -> None:
        super().__init__()
        self._drawing = drawing
        self._now: LibraryMoved | None = None

    def show(self, moved: LibraryMoved | None) -> None:
        """None where nothing is done any more."""
        self._now = moved
        self.refresh()

    def render(self) -> Content:
        now = self._now
        if now is None:
            return Content("")
        fraction = now.done / now.total if now.total else None
        return Content.assemble(
            (f"{_WORDS.get(now.work, now.work)} ", "$muted"),
            clean_line(now.what, 40),
            "  ",
            gauge(fraction, BAR, self._drawing()),
            f" {fraction:>4.0%}" if fraction is not None else "",
            (f"  {bytes_text(now.done)} of {bytes_text(now.total)}", "$muted"),
        )
