"""What to take on this machine: the fastest, a balanced one and the best, for each thing that models are made for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.models.recommended import Pick, recommended
from offgrid_tui.ui.catalog.cells import fits, speed_text
from offgrid_tui.ui.overlays.keys_line import keys_line
from offgrid_tui.ui.widgets.table import Column, Table

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

COLUMNS = (
    Column("role", "For", 9),
    Column("label", "", 8),
    Column("name", "Model", 16, flexible=True),
    Column("quantisation", "Quant", 7, rank=2),
    Column("size", "Size", 7, right=True, rank=1),
    Column("speed", "Speed", 8, right=True),
    Column("fits", "Fits", 7),
)


class Recommendations(ModalScreen[str | None]):
    """Ends with the key of the row that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Show", id="recommend.show", tooltip="Show it in the catalog"),
        Binding("escape,q,r", "close", "Close", id="overlay.close"),
    ]
    AUTO_FOCUS = "Table"
    app: OffGridApp

    def __init__(self) -> None:
        super().__init__()
        self._picks: Sequence[Pick] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay recommend"):
            yield Static(Content.styled("Best for this machine", "bold"), classes="overlay-title", markup=False)
            table = Table(COLUMNS, self._cells, lambda: self.app.drawing)
            table.empty = Content.styled("looking at this machine", "$muted")
            yield table
            yield Static("", classes="overlay-note", markup=False)
            yield Static(keys_line(("enter", "shows it"), ("esc", "closes")), classes="overlay-keys", markup=False)

    def on_mount(self) -> None:
        self.app.start(self._read())

    async def _read(self) -> None:
        try:
            picks = await self._recommended()
        except OffGridError as error:
            self.app.notify_error(error)
            return
        if self.is_attached:
            self._picks = picks
            self._table.empty = Content.styled("no model is known that fits", "$muted")
            self._table.show(len(picks))

    async def _recommended(self) -> Sequence[Pick]:
        models, speeds = self.app.workstation.models, self.app.workstation.speeds
        await models.ready()
        rows = models.rows()

        return await asyncio.to_thread(lambda: recommended(rows, speeds))

    @property
    def picks(self) -> Sequence[Pick]:
        return self._picks

    @property
    def _table(self) -> Table:
        return self.query_one(Table)

    def _cells(self, number: int) -> dict[str, Content]:
        pick = self._picks[number]
        first = number == 0 or self._picks[number - 1].role != pick.role
        told = {
            "role": Content.styled(pick.role if first else "", "bold"),
            "label": Content.styled(pick.label.value, "$muted"),
        }
        if (row := pick.row) is None:
            return told | {"name": Content.styled("nothing fits", "$muted")}
        return told | {
            "name": Content(clean_line(row.name, 80)),
            "quantisation": Content.styled(clean_line(row.quantisation, 12), "$muted"),
            "size": Content(bytes_text(row.size)),
            "speed": Content(speed_text(pick.speed)),
            "fits": fits(row.verdict),
        }

    @on(Table.Moved)
    def _moved(self, event: Table.Moved) -> None:
        event.stop()
        reason = self._picks[event.row].reason if event.row is not None else ""
        self.query_one(".overlay-note", Static).update(Content.styled(clean(reason), "$muted"))

    @on(Table.Chosen)
    def _chosen(self, event: Table.Chosen) -> None:
        event.stop()
        self.action_choose()

    def action_choose(self) -> None:
        number = self._table.row
        row = self._picks[number].row if number is not None else None
        if row is not None:
            self.dismiss(row.key)

    def action_close(self) -> None:
        self.dismiss(None)
