"""The table: which columns have room, what is drawn, and where the cursor goes."""

from __future__ import annotations

from textual import on
from textual.app import App, ComposeResult
from textual.content import Content

from offgrid_tui.ui.themes import variable_defaults
from offgrid_tui.ui.widgets.gauge import Drawing
from offgrid_tui.ui.widgets.table import Column, Table, place

COLUMNS = (
    Column("name", "Name", 10, flexible=True),
    Column("size", "Size", 6, right=True, rank=1),
    Column("trust", "Trust", 8, rank=2),
)


class Tabled(App[None]):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.drawn: list[int] = []
        self.heard: list[object] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def cells(self, row: int) -> dict[str, Content]:
        self.drawn.append(row)
        return {"name": Content(f"row {row}"), "size": Content(str(row))}

    def compose(self) -> ComposeResult:
        yield Table(COLUMNS, self.cells, lambda: Drawing.SHADES)

    def on_mount(self) -> None:
        self.query_one(Table).show(self.count)

    @on(Table.Moved)
    @on(Table.Chosen)
    @on(Table.HeaderClicked)
    def hear(self, event: object) -> None:
        self.heard.append(event)

    def lines(self) -> list[str]:
        return ["".join(s.text for s in strip).rstrip() for strip in self.screen._compositor.render_strips()]


def test_columns_give_way_by_rank() -> None:
    def ids(width: int) -> list[str]:
        return [placed.column.id for placed in place(COLUMNS, width)]

    assert ids(30) == ["name", "size", "trust"]
    assert ids(29) == ["name", "size"]
    assert ids(20) == ["name", "size"]
    assert ids(19) == ["name"]
    assert ids(3) == ["name"]


def test_columns_never_overlap_or_leave_the_width() -> None:
    for width in range(12, 120):
        placed = place(COLUMNS, width)
        end = 0
        for one in placed:
            assert one.start >= end and one.width > 0
            end = one.start + one.width
        assert end == width


async def test_fifty_thousand_rows_cost_a_screenful() -> None:
    async with Tabled(50_000).run_test(size=(40, 10)) as pilot:
        app = pilot.app
        assert isinstance(app, Tabled)
        await pilot.press("end")
        await pilot.pause()
        lines = app.lines()
        assert lines[0].split() == ["Name", "Size", "Trust"]
        assert lines[-1].startswith("▸ row 49999") and "row 49991" in lines[1]
        assert len(set(app.drawn)) <= 30


async def test_the_cursor_moves_and_is_told() -> None:
    async with Tabled(100).run_test(size=(40, 10)) as pilot:
        app = pilot.app
        assert isinstance(app, Tabled)
        table = app.query_one(Table)
        await pilot.press("j", "j", "k", "pagedown")
        assert table.cursor == 9
        assert isinstance(app.heard[-1], Table.Moved) and app.heard[-1].row == 9
        await pilot.press("home", "up")
        assert table.cursor == 0 and app.lines()[1].startswith("▸ row 0")
        table.show(3, cursor=9)
        await pilot.pause()
        assert table.cursor == 2
        shown = [line.split() for line in app.lines()[1:4]]
        assert shown == [["row", "0", "0"], ["row", "1", "1"], ["▸", "row", "2", "2"]]
        table.show(0)
        await pilot.press("down", "end")
        assert isinstance(app.heard[-1], Table.Moved) and app.heard[-1].row is None


async def test_a_resize_keeps_the_cursor_in_sight() -> None:
    async with Tabled(100).run_test(size=(40, 30)) as pilot:
        app = pilot.app
        assert isinstance(app, Tabled)
        app.query_one(Table).go(25)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert any(line.startswith("▸ row 25") for line in app.lines())


async def test_the_mouse_chooses_rows_and_headers() -> None:
    async with Tabled(100).run_test(size=(40, 10)) as pilot:
        app = pilot.app
        assert isinstance(app, Tabled)
        await pilot.click(Table, offset=(4, 5))
        assert app.query_one(Table).cursor == 4
        await pilot.click(Table, offset=(4, 0))
        assert isinstance(app.heard[-1], Table.HeaderClicked) and app.heard[-1].column == "name"
        await pilot.click(Table, offset=(4, 3), times=2)
        assert isinstance(app.heard[-1], Table.Chosen) and app.heard[-1].row == 2
