"""The first screen of a new home: what this machine is, what fits it, and the ways to get a model here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.models.recommended import Pick
from offgrid_tui.ui.catalog.cells import fits, speed_text
from offgrid_tui.ui.chat.heading import heading

GAP = 2  # cells between two cards


class Way(Enum):
    """What the user chose to do next."""

    SHOW = "show"  # the chosen card in the catalog
    IMPORT = "import"
    ADOPT = "adopt"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Welcomed:
    way: Way
    key: str | None = None  # of the row, for SHOW


class Cards(Widget):
    """Three models side by side; one is chosen."""

    DEFAULT_CSS = "Cards { height: 5; width: 1fr; }"
    ALLOW_SELECT = False

    def __init__(self, picks: Sequence[Pick]) -> None:
        super().__init__()
        self._picks = picks
        self.chosen = min(1, len(picks) - 1)  # the balanced one

    def choose(self, by: int) -> None:
        self.chosen = (self.chosen + by) % max(len(self._picks), 1)
        self.refresh()

    def _width(self) -> int:
        count = max(len(self._picks), 1)
        return max((self.size.width - GAP * (count - 1)) // count, 10)

    def render(self) -> Content:
        width = self._width()
        cards = [_card(pick, width, chosen=i == self.chosen) for i, pick in enumerate(self._picks)]
        rows = zip(*cards, strict=True)
        return Content("\n").join(Content(" " * GAP).join(parts) for parts in rows)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and self._picks:
            self.chosen = min(at.x // (self._width() + GAP), len(self._picks) - 1)
            self.refresh()


def _card(pick: Pick, width: int, *, chosen: bool) -> list[Content]:
    row = pick.row
    mark = ("▸ ", "bold $accent") if chosen else ("  ", "")
    lines = [Content.assemble(mark, (pick.label.value, "bold $accent" if chosen else "$muted"))]
    if row is None:
        lines += [Content("  nothing fits"), Content(""), Content(""), Content("")]
    else:
        lines += [
            Content.assemble("  ", (clean_line(row.name, 60), "bold")),
            Content.styled(f"  {clean_line(row.quantisation, 12)} · {bytes_text(row.size)}", "$foreground"),
            Content.styled(f"  {speed_text(pick.speed)}", "$foreground"),
            Content.assemble("  ", fits(row.verdict)),
        ]
    return [line.truncate(width, ellipsis=True).pad_right(max(width - line.cell_length, 0)) for line in lines]


class Welcome(ModalScreen[Welcomed | None]):
    """Shown once for each home; one key skips it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,tab", "choose(1)", "Next", show=False),
        Binding("left,h,shift+tab", "choose(-1)", "Previous", show=False),
        Binding("enter", "take('show')", "Show", id="welcome.show", tooltip="Show this model in the catalog"),
        Binding("i", "take('import')", "Import", id="welcome.import", tooltip="Import a model file"),
        Binding("a", "take('adopt')", "Adopt", id="welcome.adopt", tooltip="Use models that other tools keep here"),
        Binding("escape,g,q", "take('on')", "Go on", id="welcome.on", tooltip="Go on, and don't show this again"),
    ]

    def __init__(self, machine: str, picks: Sequence[Pick], adoptable: int, guide: bool) -> None:
        """`adoptable` models of other tools were found; `guide` says whether somebody can answer already."""
        super().__init__()
        self._machine, self._picks, self._adoptable, self._guide = machine, picks, adoptable, guide

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay welcome"):
            yield Static(self._title(), classes="overlay-title", markup=False)
            yield Static(Content.styled("What fits this machine, to talk to:", "$muted"), classes="said", markup=False)
            yield Cards(self._picks)
            yield Static(self._ways(), classes="ways", markup=False)

    def _title(self) -> Content:
        return heading(Content.styled("Welcome to OffGrid", "bold"), [Content.styled(self._machine, "$muted")], 72)

    def _ways(self) -> Content:
        found = f"uses what other tools keep on this disk: {self._adoptable} found"
        none = "uses what other tools keep on this disk: none found"
        on = "goes on with Pocket, the guide inside OffGrid" if self._guide else "goes on without a model"
        lines = [
            ("enter", "shows it in the catalog, with all its files", True),
            ("i", "imports a model file: from a stick, from a folder", True),
            ("a", found if self._adoptable else none, self._adoptable > 0),
            ("esc", f"{on}; this is not shown again", True),
        ]
        return Content("\n").join(
            Content.assemble((f"{key:>6}", "$accent" if can else "$muted"), "  ", (does, "" if can else "$muted"))
            for key, does, can in lines
        )

    def action_choose(self, by: int) -> None:
        self.query_one(Cards).choose(by)

    def action_take(self, name: str) -> None:
        way = Way(name)
        if way is Way.ADOPT and not self._adoptable:
            return
        chosen = self._picks[self.query_one(Cards).chosen] if self._picks else None
        row = chosen.row if chosen is not None else None
        if way is Way.SHOW and row is None:
            return
        self.dismiss(Welcomed(way, row.key if way is Way.SHOW and row is not None else None))
