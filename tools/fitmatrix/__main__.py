"""`python -m tools.fitmatrix`: the estimate beside llama.cpp's own figures, over the whole matrix.

    python -m tools.fitmatrix            print the table
    python -m tools.fitmatrix --write    put it into docs/fit.md, between its two marks

It needs the engine (`make engine`) and about a minute; nothing large is loaded or written to the disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from offgrid_tui.fit.model import Use
from tests.support.engine import engine_python
from tools.fitmatrix.compare import Row, compare, uses
from tools.fitmatrix.models import Shape
from tools.fitmatrix.shapes import REAL, SMALL

PAGE = Path(__file__).parents[2] / "docs" / "fit.md"
BEGIN, END = "<!-- begin: python -m tools.fitmatrix --write -->", "<!-- end -->"
LIMIT = 0.05
REPACK_MOST = 2 * 2**30  # bytes: larger models are not loaded with their weights arranged anew, which copies them


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.fitmatrix", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--write", action="store_true", help="write the table into docs/fit.md")
    parser.add_argument("--all", action="store_true", help="print every single comparison")
    args = parser.parse_args()
    python = engine_python()
    with tempfile.TemporaryDirectory() as folder:
        shapes = (*SMALL, *REAL)
        planned = compare(python, Path(folder), [(shape, list(uses()), True) for shape in shapes])
        plain = compare(python, Path(folder), [(shape, [_least()], False) for shape in shapes], real=True)
        some = [shape for shape in shapes if _size(shape, plain) <= REPACK_MOST]
        arranged = compare(python, Path(folder), [(shape, [_least()], True) for shape in some], real=True)
    if args.all:
        for row in planned:
            print(_line(row))
    table = "\n".join(_table(shapes, planned, plain, arranged))
    print(table)
    if args.write:
        text = PAGE.read_text()
        head, rest = text.split(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}")
    return 0


def _least() -> Use:
    """The smallest context: only the weights are looked at."""
    return next(iter(uses(contexts=(512,), batches=(64,), caches=("f16",))))


def _size(shape: Shape, rows: Iterable[Row]) -> float:
    return next(row.theirs["weights"] for row in rows if row.shape is shape)


def _table(shapes: Iterable[Shape], planned: list[Row], plain: list[Row], arranged: list[Row]) -> list[str]:
    lines = [
        "| model | architecture | weights | arranged anew | KV and states | compute, batch 64 | compute, batch 512 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for shape in shapes:
        own = [row for row in planned if row.shape is shape]
        cells = [
            _worst([row for row in plain if row.shape is shape], "weights"),
            _worst([row for row in arranged if row.shape is shape], "weights", "repacked"),
            _worst(own, "kv", "recurrent"),
            *(_worst([row for row in own if row.use.batch == batch], "compute") for batch in (64, 512)),
        ]
        lines.append(f"| {shape.name} | {shape.arch} | {' | '.join(cells)} |")
    misses = sorted({row.shape.name for row in planned if abs(row.miss("compute")) > LIMIT})
    count = sum(abs(row.miss("compute")) <= LIMIT for row in planned)
    lines += ["", f"Compute: {count} of {len(planned)} within 5 %; the others: {', '.join(misses) or 'none'}."]
    exact = sum(row.miss("compute") == 0.0 for row in planned)
    lines.append(f"To the hundredth of a MiB that llama.cpp prints: {exact}.")
    return lines


def _worst(rows: list[Row], *kinds: str) -> str:
    """The largest miss among `rows`, and the largest of the sizes it is about."""
    if not rows:
        return "–"
    miss, row, kind = max(((row.miss(kind), row, kind) for row in rows for kind in kinds), key=lambda x: abs(x[0]))
    size = max(row.theirs[kind] for row in rows for kind in kinds) / 2**20
    if abs(miss) < 0.0005:
        return f"0 % of {size:,.0f} MiB" if size >= 1 else "none" if not size else f"0 % of {size:.1f} MiB"
    off = (row.ours[kind] - row.theirs[kind]) / 2**20
    return f"{100 * miss:+.1f} % ({off:+.1f} MiB) of {size:,.0f} MiB"


def _line(row: Row) -> str:
    cache = f"{row.use.kv_type_k}{' fa' if row.use.flash_attention else ''}"
    figures = "  ".join(
        f"{kind} {row.ours[kind] / 2**20:.2f} / {row.theirs[kind] / 2**20:.2f} ({100 * row.miss(kind):+.1f} %)"
        for kind in ("kv", "recurrent", "output", "compute")
    )
    return f"{row.shape.name:<18} {row.use.context:>6} {row.use.batch:>4} {cache:<7} {figures}"


if __name__ == "__main__":
    sys.exit(main())
