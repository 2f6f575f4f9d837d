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

_ASK = Content.assemble((f"{'enter':>11}", "$accent"), "  Ask the guide: Pocket knows OffGrid's help")


class Help(ModalScreen[bool]):
    """Ends with True where the user wants to ask the guide."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "close", "Close", id="overlay.close"),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("enter,a", "ask", "Ask", id="help.ask", tooltip="Ask the guide"),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Sequence[KeyHint]]], *, guide: bool = False) -> None:
        super().__init__()
        self._title, self._groups, self._guide = title, groups, guide

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay help"):
            yield Static(Content.styled(self._title, "bold"), classes="overlay-title", markup=False)
            if self._guide:
                yield Static(_ASK, classes="help-group", markup=False)
            with VerticalScroll(can_focus=False):
                for name, rows in self._groups:
                    if rows:
                        yield Static(_group(name, rows), classes="help-group", markup=False)

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by * 2, animate=False)

    def action_close(self) -> None:
        self.dismiss(False)

    def action_ask(self) -> None:
        if self._guide:
            self.dismiss(True)


def _group(name: str, rows: Sequence[KeyHint]) -> Content:
    lines = [Content.styled(name, "$muted")]
    for hint in rows:
        text = hint.tooltip or hint.description
        line = Content.assemble((f"{hint.display:>11}", "$accent"), "  ", text)
        if hint.reason:
            line = Content.assemble((f"{hint.display:>11}", "$muted"), "  ", (f"{text}: {hint.reason}", "$muted"))
        lines.append(line)
    return Content("\n").join(lines)
