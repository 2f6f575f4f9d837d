"""The line above the table: what is typed, what is chosen by keys, and how many models that leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from offgrid_tui.models.filter import Fits, Order, Place, Query

HINT = "filter…"
LONG_HINT = "filter: a name, an owner, Q4, <5GB, <8B …"
GAP = "  "


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that a key goes through: `s source: all`. Of narrow terminals it is only `s all`."""

    key: str
    action: str
    label: str
    value: str
    short: str
    set: bool  # is it another than at first?


def chips_of(query: Query) -> tuple[Chip, ...]:
    kind = query.kind.value if query.kind else "all"
    return (
        Chip("s", "place", "source", query.place.value, _every(query.place.value, "all sources"),
             query.place is not Place.ALL),
        Chip("f", "fits", "fits", query.fits.value, {Fits.ALL: "any fit", Fits.YES: "fits"}.get(query.fits, "safe"),
             query.fits is not Fits.ALL),
        Chip("t", "kind", "kind", kind, _every(kind, "all kinds"), query.kind is not None),
        Chip("o", "order", "sort", query.order.value, query.order.value, query.order is not Order.BEST),
    )  # fmt: skip


def _every(value: str, words: str) -> str:
    return words if value == "all" else value


class Chips(Widget):
    """The chips and the count, at the right edge."""

    DEFAULT_CSS = "Chips { height: 1; width: auto; }"
    ALLOW_SELECT = False

    class Clicked(Message):
        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__()
        self._chips: Sequence[Chip] = chips_of(Query())
        self._count = ""
        self._long = False
        self._spans: list[tuple[int, int, str]] = []

    def show(self, query: Query, found: int, of: int, *, long: bool) -> None:
        self._chips, self._count, self._long = chips_of(query), f"{found:,} of {of:,}", long
        self.refresh(layout=True)

    def _line(self) -> Content:
        self._spans = []
        line = Content("")
        for i, chip in enumerate(self._chips):
            value = (chip.value if self._long else chip.short, "$foreground" if chip.set else "$muted")
            label = (f"{chip.label}: " if self._long else "", "$muted")
            item = Content.assemble((chip.key, "bold $accent"), " ", label, value)
            start = line.cell_length + (len(GAP) if i else 0)
            line = Content.assemble(line, GAP if i else "", item)
            self._spans.append((start, line.cell_length, chip.action))
        return Content.assemble(line, GAP + "  " if self._long else GAP, (self._count, "$foreground"))

    def get_content_width(self, container: object, viewport: object) -> int:
        return self._line().cell_length

    def render(self) -> Content:
        return self._line()

    def on_click(self, event: events.Click) -> None:
        x = event.get_content_offset(self)
        for start, end, action in self._spans:
            if x is not None and start <= x.x < end:
                self.post_message(self.Clicked(action))


class FilterInput(Input):
    """Typing filters at once; the arrows move in the table meanwhile."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,tab", "leave", "To the list", id="filter.done", tooltip="Go to the list", key_display="enter"),
        Binding("escape", "clear", "Clear", id="filter.clear", tooltip="Clear the filter, or go back to the list"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]

    class Left(Message):
        """The user is done with typing."""

    class Walked(Message):
        """The cursor of the table shall move by `rows`, or by `pages`."""

        def __init__(self, rows: int, pages: int) -> None:
            super().__init__()
            self.rows, self.pages = rows, pages

    def __init__(self) -> None:
        super().__init__(placeholder=HINT, select_on_focus=False, compact=True)
        self.cursor_blink = False

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_clear(self) -> None:
        if self.value:
            self.value = ""
        else:
            self.post_message(self.Left())

    def action_move(self, by: int) -> None:
        self.post_message(self.Walked(by, 0))

    def action_page(self, by: int) -> None:
        self.post_message(self.Walked(0, by))


class FilterBar(Horizontal):
    """Holds what is asked for. `Changed` says that it is something else now."""

    class Changed(Message):
        def __init__(self, query: Query) -> None:
            super().__init__()
            self.query = query

    def __init__(self) -> None:
        super().__init__()
        self.query_now = Query()

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("/", "bold $accent"), classes="slash", markup=False)
        yield FilterInput()
        yield Chips()

    @property
    def field(self) -> FilterInput:
        return self.query_one(FilterInput)

    def show(self, found: int, of: int) -> None:
        """How many models there are."""
        long = self.size.width >= 112
        self.field.placeholder = LONG_HINT if long else HINT
        self.query_one(Chips).show(self.query_now, found, of, long=long)

    def ask(self, query: Query) -> None:
        if query != self.query_now:
            self.query_now = query
            self.post_message(self.Changed(query))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.ask(dataclasses.replace(self.query_now, text=event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
