"""One list to choose from, filtered as one types: the palette, the chats, the model files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from offgrid_tui.foundation.text import clean_line

MAX_SHOWN = 300  # more than anybody reads; what is typed narrows it
ROW_EDGES = 3  # cells of padding and scrollbar


@dataclass(frozen=True, slots=True)
class Item:
    """A row: `note` stands beside the label, as much of it as there is room for; `right` at the right edge. `reason`
    greys it and says why it can't be chosen."""

    id: str
    label: str
    right: str = ""
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picked:
    """What was chosen, and what stood in the input."""

    id: str | None
    text: str


class Picker(ModalScreen[Picked | None]):
    """`find(text)` gives the rows for what was typed; `complete(text, id)` what tab makes of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="overlay.close"),
        Binding("down", "move(1)", "Next", show=False, priority=True),
        Binding("up", "move(-1)", "Previous", show=False, priority=True),
        Binding("pagedown", "move(10)", "Page down", show=False, priority=True),
        Binding("pageup", "move(-10)", "Page up", show=False, priority=True),
        Binding("tab", "complete", "Complete", show=False, priority=True),
    ]
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        find: Callable[[str], Sequence[Item]],
        *,
        hint: str = "",
        text: str = "",
        complete: Callable[[str, str], str] | None = None,
        free: bool = False,
    ) -> None:
        """`free` lets the user enter text that no row stands for."""
        super().__init__()
        self._title, self._hint, self._find, self._complete, self._free = title, hint, find, complete, free
        self._text = text
        self._items: list[Item] = []
        self._filled_for = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay picker"):
            yield Static(Content.styled(self._title, "bold"), classes="overlay-title", markup=False)
            field = Input(self._text, placeholder=self._hint, select_on_focus=False, compact=True)
            field.cursor_blink = False
            yield field
            rows = OptionList(markup=False, compact=True)
            rows.can_focus = False
            yield rows

    def on_mount(self) -> None:
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._fill()

    def _fill(self) -> None:
        rows = self.query_one(OptionList)
        self._filled_for = self.query_one(Input).value
        self._items = list(self._find(self._filled_for))[:MAX_SHOWN]
        width = max(rows.size.width - ROW_EDGES, 20)
        rows.clear_options()
        rows.add_options([Option(_row(item, width), disabled=bool(item.reason)) for item in self._items])
        first = next((i for i, item in enumerate(self._items) if not item.reason), None)
        rows.highlighted = first

    def action_move(self, by: int) -> None:
        rows = self.query_one(OptionList)
        usable = [i for i, item in enumerate(self._items) if not item.reason]
        if not usable:
            return
        here = usable.index(rows.highlighted) if rows.highlighted in usable else 0
        there = here + by
        if abs(by) == 1:
            there %= len(usable)
        rows.highlighted = usable[min(max(there, 0), len(usable) - 1)]

    def action_complete(self) -> None:
        field, chosen = self.query_one(Input), self._chosen()
        if self._complete is not None:
            field.value = self._complete(field.value, chosen.id if chosen else "")
            field.action_end()

    def _chosen(self) -> Item | None:
        index = self.query_one(OptionList).highlighted
        return self._items[index] if index is not None and index < len(self._items) else None

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value != self._filled_for:
            self._fill()  # an enter can overtake the news of what was typed before it
        self._choose(self._chosen())

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(self._items[event.option_index])

    def _choose(self, item: Item | None) -> None:
        text = self.query_one(Input).value
        if item is not None and self._complete is not None and item.id.endswith("/"):
            self.action_complete()  # a folder is opened, not chosen
        elif item is not None or self._free:
            self.dismiss(Picked(item.id if item else None, text))

    def action_close(self) -> None:
        self.dismiss(None)


def _row(item: Item, width: int) -> Content:
    right = Content.styled(clean_line(item.reason or item.right, max(width // 2, 8)), "$muted")
    room = max(width - right.cell_length - 2, 8)
    left = Content.assemble(
        clean_line(item.label, 400), ("  " + clean_line(item.note, 400) if item.note else "", "$muted")
    )
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * max(width - left.cell_length - right.cell_length, 2), right)
