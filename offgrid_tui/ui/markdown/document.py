"""One answer, while it grows: what is closed was laid out once, and only its last block is done again."""

from __future__ import annotations

from offgrid_tui.ui.markdown.blocks import Block, Code
from offgrid_tui.ui.markdown.code import GrowingCode
from offgrid_tui.ui.markdown.layout import EMPTY, Line, code_blocks, lay_out
from offgrid_tui.ui.markdown.parse import parse


class Document:
    """Markdown that is appended to. Text comes in clean (foundation/text.py)."""

    def __init__(self, text: str = "") -> None:
        self.text = ""
        self._closed: list[Block] = []  # blocks that nothing to come can change
        self._open: Block | None = None  # the last one
        self._open_at = 0  # where its source begins in `text`
        self._lines: list[Line] = []  # of the closed blocks, at _width
        self._laid_out = 0  # how many of them
        self._codes = 0  # code blocks among those
        self._width = 0
        self._growing = GrowingCode()
        self.append(text)

    def append(self, more: str) -> None:
        """`more` came."""
        self.text += more
        source = self.text[self._open_at :]
        parsed = parse(source)
        if not parsed:
            self._open = None
            return
        self._closed += [one.block for one in parsed[:-1]]
        self._open = parsed[-1].block
        if len(parsed) > 1:
            self._open_at += _offset(source, parsed[-1].line)
            self._growing = GrowingCode()

    def lines(self, width: int) -> list[Line]:
        """All lines at `width`, an empty one between two blocks."""
        if width != self._width:
            self._width, self._lines, self._laid_out, self._codes = width, [], 0, 0
        for block in self._closed[self._laid_out :]:
            self._lines += self._with_gap(lay_out(block, width, code=self._codes))
            self._laid_out += 1
            self._codes += len(code_blocks(block))
        if self._open is None:
            return self._lines
        last = lay_out(self._open, width, code=self._codes, colour=self._growing.lines)
        return self._lines + self._with_gap(last)

    def _with_gap(self, lines: list[Line]) -> list[Line]:
        return [EMPTY, *lines] if self._lines else lines

    @property
    def codes(self) -> list[Code]:
        """Every code block, by its index."""
        blocks = [*self._closed, *([self._open] if self._open is not None else [])]
        return [code for block in blocks for code in code_blocks(block)]


def _offset(source: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = source.index("\n", at) + 1
    return at
