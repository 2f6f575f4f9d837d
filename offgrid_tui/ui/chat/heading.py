"""A line with something at its left and figures at its right."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget


def heading(left: Content, right: Sequence[Content], width: int) -> Content:
    """The line, `width` cells wide. The figures give way, the last first, where both don't fit."""
    left = left.truncate(max(width, 1), ellipsis=True)
    parts = list(right)
    while parts:
        figures = Content.styled(" · ", "$faint").join(parts)
        if left.cell_length + 2 + figures.cell_length <= width:
            return Content.assemble(left, " " * (width - left.cell_length - figures.cell_length), figures)
        parts.pop()
    return left


class Heading(Widget):
    """The same as a widget of its own."""

    DEFAULT_CSS = "Heading { height: 1; width: 1fr; }"

    def __init__(self, left: Content, right: Sequence[Content] = ()) -> None:
        super().__init__()
        self._left, self._right = left, right

    def show(self, left: Content, right: Sequence[Content] = ()) -> None:
        self._left, self._right = left, right
        self.refresh()

    def render(self) -> Content:
        return heading(self._left, self._right, self.size.width)
