"""Every key of the screen under it, from the bindings themselves, with the reason where one does nothing now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from offgrid_tui.ui.frame.keybar import KeyHint


class Help(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "close", "Close", id="overlay.close"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Sequence[KeyHint]]]) -> None:
        super().__init__()
        self._title, self._groups = title, groups

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay help"):
            yield Static(Content.styled(self._title, "bold"), classes="overlay-title", markup=False)
            with VerticalScroll(can_focus=False):
                for name, rows in self._groups:
                    if rows:
                        yield Static(_group(name, rows), classes="help-group", markup=False)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 2, animate=False)

    def action_close(self) -> None:
        self.dismiss(None)


def _group(name: str, rows: Sequence[KeyHint]) -> Content:
    lines = [Content.styled(name, "$muted")]
    for hint in rows:
        text = hint.tooltip or hint.description
        line = Content.assemble((f"{hint.display:>11}", "$accent"), "  ", text)
        if hint.reason:
            line = Content.assemble((f"{hint.display:>11}", "$muted"), "  ", (f"{text}: {hint.reason}", "$muted"))
        lines.append(line)
    return Content("\n").join(lines)
