"""The catalog screen: every model there is to know of, what it needs, and what can be done with it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Input

from offgrid_tui.models.filter import Fits, ModelIndex, Order, Query
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui import messages
from offgrid_tui.ui.catalog.acting import ActingScreen
from offgrid_tui.ui.catalog.cells import COLUMNS, cells
from offgrid_tui.ui.catalog.filterbar import Chips, FilterBar, FilterInput
from offgrid_tui.ui.catalog.pane import DetailsPane
from offgrid_tui.ui.catalog.workline import WorkLine
from offgrid_tui.ui.errors import tells_errors
from offgrid_tui.ui.widgets.table import Table

T = TypeVar("T")
WIDE = 120  # columns from which the details stand beside the table
TALL = 34  # rows from which they have more room below it

_SORTED_BY = {
    "name": Order.NAME,
    "parameters": Order.PARAMETERS,
    "size": Order.SIZE,
    "needs": Order.SIZE,
    "fits": Order.BEST,
    "here": Order.SMART,
}


class CatalogScreen(ActingScreen):
    """Filter, compare, choose."""

    CSS_PATH = "catalog.tcss"
    AUTO_FOCUS = "Table"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._index = ModelIndex(())
        self._rows: Sequence[ModelRow] = ()
        self._reading = asyncio.Lock()
        self._listed = asyncio.Event()  # the list was read once

    def compose_body(self) -> ComposeResult:
        yield FilterBar()
        yield WorkLine(lambda: self.app.drawing)
        with Container(id="catalog-body"):
            table = Table(COLUMNS, lambda row: cells(self._rows[row]), lambda: self.app.drawing)
            table.empty = Content.styled("reading the catalog", "$muted")
            yield table
            with VerticalScroll(id="pane", can_focus=False):
                yield DetailsPane()

    def on_mount(self) -> None:
        super().on_mount()
        self.app.start(self._begin())

    async def _begin(self) -> None:
        await self.app.opened.wait()
        await self.app.workstation.models.ready()
        self.app.bridge.add(self.post_message)
        await self.read()

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    @property
    def _bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    # ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> None:
        """Take the list anew; the cursor stays on its model."""
        async with self._reading:
            rows = self.app.workstation.models.rows()
            speeds = self.app.workstation.speeds
            self._index = await asyncio.to_thread(lambda: ModelIndex(speeds.of_rows(rows)))
        self._sheets.clear()
        self._find(keep=True)
        self._listed.set()

    def _find(self, *, keep: bool) -> None:
        """Show what is asked for. The cursor goes to the first row, or stays where it was (`keep`)."""
        at = self.row.key if self.row is not None and keep else None
        self._rows = self._index.find(self._bar.query_now)
        cursor = next((i for i, row in enumerate(self._rows) if row.key == at), 0) if at else 0
        nothing = "nothing is known of any model" if not self._index.rows else "no model is like that: esc clears"
        self._table.empty = Content.styled(nothing, "$muted")
        self._table.show(len(self._rows), cursor)
        self._count()

    def _count(self) -> None:
        self._bar.show(len(self._rows), len(self._index.rows))

    def on_resize(self) -> None:
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self._count()
        self.show_details()

    @property
    def rows(self) -> Sequence[ModelRow]:
        """What the table shows."""
        return self._rows

    @property
    def row(self) -> ModelRow | None:
        """The model under the cursor."""
        number = self._table.row if self.is_mounted else None
        return self._rows[number] if number is not None and number < len(self._rows) else None

    async def show_model(self, key: str | None) -> None:
        """Go to the row `key`, once the list was read."""
        await self._listed.wait()
        self._chosen_elsewhere(key)

    def _chosen_elsewhere(self, key: str | None) -> None:
        """Go to the row `key`, and let go of the filters where they hide it."""
        if key is None or all(row.key != key for row in self._index.rows):
            return
        if all(row.key != key for row in self._rows):
            with self.prevent(Input.Changed, FilterBar.Changed):
                self._bar.field.value = ""
                self._bar.ask(Query())
            self._find(keep=False)
        self._table.go(next(i for i, row in enumerate(self._rows) if row.key == key))
        self._table.focus()

    @on(Table.Moved)
    def _moved(self) -> None:
        self.show_details()
        self.refresh_bindings()

    @tells_errors
    async def on_models_changed(self, message: messages.ModelsChanged) -> None:
        await self.read()

    def on_library_moved(self, message: messages.LibraryMoved) -> None:
        self.query_one(WorkLine).show(message if message.done < message.total else None)

    # ── filtering ──────────────────────────────────────────────────────────────────────────────────────────────────

    @on(FilterBar.Changed)
    def _asked(self, event: FilterBar.Changed) -> None:
        event.stop()
        self._find(keep=False)

    def action_filter(self) -> None:
        self._bar.field.focus()

    @on(FilterInput.Left)
    def _filter_left(self) -> None:
        self._table.focus()

    @on(FilterInput.Walked)
    def _walked(self, event: FilterInput.Walked) -> None:
        event.stop()
        if event.rows:
            self._table.action_move(event.rows)
        else:
            self._table.action_page(event.pages)

    def action_clear(self) -> None:
        """Everything again."""
        self._bar.field.value = ""
        self._bar.ask(Query())

    def action_place(self) -> None:
        query = self._bar.query_now
        self._bar.ask(dataclasses.replace(query, place=_next(query.place, self._index.places)))

    def action_fits(self) -> None:
        query = self._bar.query_now
        self._bar.ask(dataclasses.replace(query, fits=_next(query.fits, tuple(Fits))))

    def action_kind(self) -> None:
        query = self._bar.query_now
        self._bar.ask(dataclasses.replace(query, kind=_next(query.kind, (None, *self._index.kinds))))

    def action_order(self) -> None:
        query = self._bar.query_now
        self._bar.ask(dataclasses.replace(query, order=_next(query.order, tuple(Order))))

    @on(Chips.Clicked)
    async def _chip_clicked(self, event: Chips.Clicked) -> None:
        event.stop()
        await self.run_action(event.action)

    @on(Table.HeaderClicked)
    def _header_clicked(self, event: Table.HeaderClicked) -> None:
        event.stop()
        if (order := _SORTED_BY.get(event.column)) is not None:
            self._bar.ask(dataclasses.replace(self._bar.query_now, order=order))

    @on(Table.Chosen)
    def _chosen(self, event: Table.Chosen) -> None:
        event.stop()
        self.action_details()


def _next(now: T, of: Sequence[T]) -> T:
    """The value after `now`; the first after the last, or where `now` is none of them any more."""
    return of[(of.index(now) + 1) % len(of)] if now in of else of[0]
