"""`python -m benchmarks.catalog_table`: does a key in the catalog cost less than a hitch, with 50,000 models?

The rows are those of our own catalog, repeated under other names until there are enough. Measured is the CPU time of
what a key costs: finding by words, filters and orders, and drawing a whole page of the table.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import replace

from textual.app import App, ComposeResult

from benchmarks.command import parser_for, progress, run
from benchmarks.measure import Series
from benchmarks.report import Goal, Report, Row
from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import Kind
from offgrid_tui.fit.service import FitService
from offgrid_tui.models.filter import Fits, ModelIndex, Order, Query
from offgrid_tui.models.listed import details_of
from offgrid_tui.models.model import ModelRow
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.catalog.cells import COLUMNS, cells
from offgrid_tui.ui.themes import variable_defaults
from offgrid_tui.ui.widgets.gauge import Drawing
from offgrid_tui.ui.widgets.table import Table

HITCH = Goal("below", 50.0)  # ms
FRAME = Goal("below", 33.0)  # ms
QUERIES = {
    "a word": Query("q"),
    "three words and a limit": Query("qwen coder q4 <5GB"),
    "what fits, of one kind": Query(fits=Fits.YES, kind=Kind.CODE),
    "all of it": Query("in", fits=Fits.YES, kind=Kind.CHAT, order=Order.SIZE),
    "nothing asked": Query(),
}


def rows_of(count: int) -> list[ModelRow]:
    """`count` rows with keys of their own."""
    service = FitService(Settings())
    known = [details_of(model, service).row for model in load_catalog(Paths.from_environment()).models]
    numbered = zip(range(count), itertools.cycle(known), strict=False)
    return [replace(row, key=f"{row.key}#{i}", name=f"{row.name} {i // len(known)}") for i, row in numbered]


def milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


class Drawn(App[None]):
    """A table and nothing else."""

    def __init__(self, rows: list[ModelRow]) -> None:
        super().__init__()
        self.rows = rows

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield Table(COLUMNS, lambda row: cells(self.rows[row]), lambda: Drawing.SHADES)


async def measure(report: Report, count: int, rounds: int, columns: int, lines: int) -> None:
    rows = rows_of(count)
    progress(f"{count:,} rows")
    report.add(f"{count:,} models", *(found(rows, rounds)), *(await drawn(rows, rounds, columns, lines)))


def found(rows: list[ModelRow], rounds: int) -> list[Row]:
    prepared = [milliseconds(lambda: ModelIndex(rows)) for _ in range(rounds)]
    result = [Row("prepare the list, once", "ms", Series(tuple(prepared)))]
    sorting = [milliseconds(lambda: ModelIndex(rows).find(Query(order=Order.SMART))) for _ in range(rounds)]
    fresh = tuple(max(both - once, 0.0) for both, once in zip(sorting, prepared, strict=True))
    result.append(Row("sort anew and find", "ms", Series(fresh), goal=HITCH))
    index = ModelIndex(rows)
    for name, query in QUERIES.items():
        index.find(query)
        values = tuple(milliseconds(lambda query=query: index.find(query)) for _ in range(rounds))  # type: ignore[misc]
        result.append(Row(f"find: {name}", "ms", Series(values), goal=HITCH))
    return result


async def drawn(rows: list[ModelRow], rounds: int, columns: int, lines: int) -> list[Row]:
    values = []
    app = Drawn(rows)
    async with app.run_test(size=(columns, lines)) as pilot:
        table = app.query_one(Table)
        table.show(len(rows))
        for number in range(rounds):
            table.go((number * 7919) % len(rows))  # far from what was drawn before
            await pilot.pause()
            table.changed()
            values.append(milliseconds(lambda: [table.render_line(y) for y in range(table.size.height)]))
    return [Row(f"draw a page of {columns}x{lines}", "ms", Series(tuple(values)), goal=FRAME)]


def main() -> int:
    parser = parser_for("benchmarks.catalog_table", __doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", default="140x40", help="columns x rows of the terminal")
    arguments: argparse.Namespace = parser.parse_args()
    columns, lines = (int(word) for word in arguments.size.split("x"))
    rounds = 3 if arguments.quick else arguments.rounds
    title = "Finding and drawing models among very many"
    return run(title, lambda report: measure(report, arguments.rows, rounds, columns, lines), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
