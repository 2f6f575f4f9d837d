"""Drawing with ASCII alone, for fonts without blocks: what is drawn is replaced, character by character, as it is
written. What others wrote in letters of their own stays."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_DRAWN = {
    "─━╌═": "-",
    "│┃▌▐▏▕▎▍▋▊": "|",
    "▉█▇▆▅▄▃▂▁▔▀■": "#",
    "╭╮╰╯┌┐└┘├┤┬┴┼": "+",
    "●•◌": "*",
    "○": "o",
    "◐": "+",
    "◔⚠": "!",
    "✗": "x",
    "✓": "v",
    "▸▶›→": ">",
    "◂◀‹←": "<",
    "▾▼↓": "v",
    "▴▲↑": "^",
    "–·": "-",
    "…": "~",
    "“”": '"',
    "‘’": "'",
}
_TABLE = str.maketrans({char: ascii for chars, ascii in _DRAWN.items() for char in chars})


class AsciiFilter(LineFilter):
    """Replaces characters by others of the same width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(_TABLE), segment.style, segment.control)
            for segment in segments
        ]
