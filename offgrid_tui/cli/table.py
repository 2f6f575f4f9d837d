"""Aligned columns on stdout: numbers to the right, one line each; in a terminal no wider than that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offgrid_tui.foundation.text import clean_line

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """What gives way where a terminal is too narrow: a column with `least` shrinks to so many characters, then those
    with a rank are left out, the highest first."""

    head: str
    right: bool = False
    least: int = 0
    rank: int = 0


def lines(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """The head and the rows; `width` in characters, None for as much as it takes. Without rows, nothing."""
    cells = [[clean_line(cell) for cell in row] for row in rows]
    if not cells:
        return []
    cells.insert(0, [column.head for column in columns])
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    shown = list(range(len(columns)))
    if width is not None:
        shown = _fit(columns, widths, width)
    found = []
    for row in cells:
        parts = (
            text.rjust(widths[i]) if columns[i].right else text.ljust(widths[i])
            for i in shown
            for text in (_cut(row[i], widths[i]),)
        )
        line = (" " * _GAP).join(parts).rstrip()
        found.append(line if width is None else _cut(line, width))
    return found


def terminal_width() -> int | None:
    """Of stdout; None where it is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return None


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """The columns to show; `widths` of them are changed."""
    shown, whole = list(range(len(columns))), list(widths)

    def too_much() -> int:
        return sum(widths[i] for i in shown) + _GAP * (len(shown) - 1) - width

    while (more := too_much()) > 0:
        shrinking = next((i for i in shown if columns[i].least and widths[i] > columns[i].least), None)
        if shrinking is not None:
            widths[shrinking] = max(columns[shrinking].least, widths[shrinking] - more)
            continue
        least = max(shown, key=lambda i: columns[i].rank)
        if not columns[least].rank:
            break
        shown.remove(least)
        widths[:] = whole  # what shrank may not have to now
    return shown


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
