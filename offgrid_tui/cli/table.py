"""Aligned columns on stdout: numbers to the right, one line each, cut where the terminal ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offgrid_tui.foundation.text import clean_line


@dataclass(frozen=True, slots=True)
class Column:
    """`most` characters are shown of a cell, in a terminal; in a file or a pipe all of them."""

    head: str
    right: bool = False
    most: int = 40


def lines(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """The head and the rows; `width` in characters, None for as much as it takes. Without rows, nothing."""
    cells = [[clean_line(cell) for cell in row] for row in rows]
    if not cells:
        return []
    if width is not None:
        cells = [[_cut(cell, column.most) for cell, column in zip(row, columns, strict=True)] for row in cells]
    heads = [column.head for column in columns]
    widths = [max(len(row[i]) for row in (heads, *cells)) for i in range(len(columns))]
    found = []
    for row in (heads, *cells):
        parts = (
            cell.rjust(size) if column.right else cell.ljust(size)
            for cell, size, column in zip(row, widths, columns, strict=True)
        )
        line = "  ".join(parts).rstrip()
        found.append(line if width is None else _cut(line, width))
    return found


def terminal_width() -> int | None:
    """Of stdout; None where it is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
