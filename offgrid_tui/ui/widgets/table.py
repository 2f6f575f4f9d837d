"""A table that draws only the rows that are seen: 50,000 cost no more than a screenful."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import RenderOptions

from offgrid_tui.ui.widgets.gauge import Drawing

GAP = 2  # cells between two columns
EMPTY_AT = 2  # line on which it is said why there are no rows
MARK = 2  # cells before the first: where the row under the cursor is marked


@dataclass(frozen=True, slots=True)
class Column:
    """A column `width` cells wide. Exactly one column of a table is `flexible`: it takes what the others leave, and
    `width` is the least that it wants; for that, columns give way, the one with the highest `rank` first (0 never)."""

    id: str
    title: str
    width: int
    right: bool = False
    flexible: bool = False
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A column where it is drawn: its first cell, and how many it has."""

    column: Column
    start: int
    width: int


def place(columns: Sequence[Column], width: int) -> tuple[Placed, ...]:
    """The columns that have room in `width` cells, in their order."""
    shown = list(columns)

    def rest() -> int:
        return width - MARK - GAP * (len(shown) - 1) - sum(c.width for c in shown if not c.flexible)

    least = next(c.width for c in columns if c.flexible)
    for column in sorted((c for c in columns if c.rank), key=lambda c: -c.rank):
        if rest() >= least:
            break
        shown.remove(column)
    placed, at = [], MARK
    for column in shown:
        cells = max(rest(), 1) if column.flexible else column.width
        placed.append(Placed(column, at, cells))
        at += cells + GAP
    return tuple(placed)


class Table(ScrollView, can_focus=True):
    """Rows by number; `cells(row)` gives what stands in a row, by the columns' ids.

    What `enter` does with a row is the screen's to say; a double click says `Chosen`. The header stays where it is,
    the row under the cursor is marked by a shape and a shade.
    """

    DEFAULT_CSS = """
    Table { height: 1fr; width: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor is on another row, or other rows stand in the table; `row` is None where it is empty."""

        def __init__(self, table: Table, row: int | None) -> None:
            super().__init__()
            self.table, self.row = table, row

        @property
        def control(self) -> Table:
            return self.table

    class Chosen(Message):
        """The user opens the row under the cursor."""

        def __init__(self, table: Table, row: int) -> None:
            super().__init__()
            self.table, self.row = table, row

        @property
        def control(self) -> Table:
            return self.table

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, table: Table, column: str) -> None:
            super().__init__()
            self.table, self.column = table, column

        @property
        def control(self) -> Table:
            return self.table

    def __init__(
        self,
        columns: Sequence[Column],
        cells: Callable[[int], dict[str, Content]],
        drawing: Callable[[], Drawing],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._columns, self._cells, self._drawing = tuple(columns), cells, drawing
        self.empty = Content("")  # what stands there without rows
        self._count = 0
        self._placed: tuple[int, tuple[Placed, ...]] = (-1, ())
        self._strips: dict[tuple[int, bool], Strip] = {}

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def count(self) -> int:
        return self._count

    @property
    def row(self) -> int | None:
        """The row under the cursor; None where there is none."""
        return self.cursor if self._count else None

    def show(self, count: int, cursor: int = 0) -> None:
        """Other rows, with the cursor on the one given."""
        self._count = count
        self._strips.clear()
        self.virtual_size = Size(0, count + 1)
        self.set_reactive(Table.cursor, min(max(cursor, 0), max(count - 1, 0)))
        self._follow()
        self.refresh()
        self.post_message(self.Moved(self, self.row))

    def changed(self, row: int | None = None) -> None:
        """What stands in `row` is another; None for all of them."""
        if row is None:
            self._strips.clear()
            self.refresh()
        else:
            self._strips.pop((row, False), None)
            self._strips.pop((row, True), None)
            self.refresh_line(row + 1)

    def columns(self, width: int) -> tuple[Placed, ...]:
        if self._placed[0] != width:
            self._placed = width, place(self._columns, width)
            self._strips.clear()
        return self._placed[1]

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        self.virtual_size = Size(0, self._count + 1)
        self._follow()

    # ── drawing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            return self._strip(self._header(width), width)
        row = self.scroll_offset.y + y - 1
        if row >= self._count:
            if not self._count and y == EMPTY_AT:
                return self._strip(Content.assemble(" " * MARK, self.empty), width)
            return Strip.blank(width, self.visual_style.rich_style)
        placed = self.columns(width)
        chosen = row == self.cursor
        if (strip := self._strips.get((row, chosen))) is None:
            strip = self._strips[row, chosen] = self._strip(self._line(row, placed, width, chosen), width)
        return strip

    def _header(self, width: int) -> Content:
        line = Content(" " * MARK)
        for i, one in enumerate(self.columns(width)):
            title = Content.styled(one.column.title, "$muted")
            line = Content.assemble(line, " " * GAP if i else "", _cell(title, one))
        return line

    def _line(self, row: int, placed: Sequence[Placed], width: int, chosen: bool) -> Content:
        cells = self._cells(row)
        parts: list[Content | str | tuple[str, str]] = [("▸ ", "bold $accent") if chosen else "  "]
        for i, one in enumerate(placed):
            parts.append(" " * GAP if i else "")
            parts.append(_cell(cells.get(one.column.id, Content("")), one))
        line = Content.assemble(*parts)
        if not chosen:
            return line
        line = line.pad_right(max(width - line.cell_length, 0))
        if self._drawing() is Drawing.SHADES:
            return line.stylize_before("on $chosen")
        return Content(line.plain).stylize("$chosen-text on $chosen")  # no shade that all colours can be read on

    def _strip(self, content: Content, width: int) -> Strip:
        options = RenderOptions(self._get_style, {"text_wrap": "nowrap", "text_overflow": "clip"})
        strips = content.render_strips(width, 1, self.visual_style, options)
        strip = strips[0] if strips else Strip.blank(width)
        return strip.extend_cell_length(width, self.visual_style.rich_style)

    # ── moving ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def watch_cursor(self, before: int, now: int) -> None:
        self.refresh_line(before + 1)
        self.refresh_line(now + 1)
        self._follow()
        self.post_message(self.Moved(self, self.row))

    def _follow(self) -> None:
        """Scroll no more than is needed to see the cursor; the header covers the first line of the view."""
        rows = max(self.size.height - 1, 1)
        top = round(self.scroll_target_y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + rows:
            self.scroll_to(y=self.cursor - rows + 1, animate=False, force=True)

    def go(self, row: int) -> None:
        if self._count:
            self.cursor = min(max(row, 0), self._count - 1)

    def action_move(self, by: int) -> None:
        self.go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.go(self.cursor + by * max(self.size.height - 2, 1))

    def action_first(self) -> None:
        self.go(0)

    def action_last(self) -> None:
        self.go(self._count - 1)

    def action_choose(self) -> None:
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            for one in self.columns(self.scrollable_content_region.width):
                if one.start <= offset.x < one.start + one.width:
                    self.post_message(self.HeaderClicked(self, one.column.id))
        elif (row := self.scroll_offset.y + offset.y - 1) < self._count:
            self.go(row)
            if event.chain == 2:
                self.action_choose()

    def refresh_line(self, y: int) -> None:
        """As ScrollView's, for a view whose first line doesn't scroll; `y` counts the header."""
        self.refresh(Region(0, y - self.scroll_offset.y, max(self.size.width, 1), 1))


def _cell(content: Content, placed: Placed) -> Content:
    content = content.truncate(placed.width, ellipsis=True)
    spaces = " " * max(placed.width - content.cell_length, 0)
    return Content.assemble(spaces, content) if placed.column.right else Content.assemble(content, spaces)
