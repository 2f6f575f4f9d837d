"""A widget that is lines of text: laid out when its width or its text changes, drawn only where it is seen."""

from __future__ import annotations

from typing import Any

from textual.content import Content
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions
from textual.widget import Widget

from offgrid_tui.ui.markdown.layout import EMPTY, Line


class Lines(Widget):
    """Draws what `build` gives. Thousands of lines cost no more to draw than those on screen."""

    DEFAULT_CSS = """
    Lines { height: auto; width: 1fr; }
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._built: tuple[int, list[Line]] = (-1, [])
        self._drawn: dict[int, Strip] = {}

    def build(self, width: int) -> list[Line]:
        """All lines at `width` cells, none wider."""
        raise NotImplementedError

    def changed(self) -> None:
        """What `build` gives is another from now on."""
        width, before = self._built
        self._built = (-1, before)
        self._drawn.clear()
        if self.is_attached:
            self.refresh(layout=width < 0 or len(self.lines(width)) != len(before))

    def lines(self, width: int) -> list[Line]:
        """What was built for `width`."""
        if self._built[0] != width:
            self._built = width, self.build(width)
            self._drawn.clear()
        return self._built[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))

    def notify_style_update(self) -> None:
        self._drawn.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = self.lines(width)
        line = lines[y] if y < len(lines) else EMPTY
        selection = self.text_selection
        span = selection.get_span(y) if selection is not None else None
        if span is not None:
            return self._draw(line, y, width, span)
        if (strip := self._drawn.get(y)) is None:
            strip = self._drawn[y] = self._draw(line, y, width, None)
        return strip

    def _draw(self, line: Line, y: int, width: int, selected: tuple[int, int] | None) -> Strip:
        content = self.decorate(line, y)
        if line.fill:
            content = content.pad_right(max(width - content.cell_length, 0)).stylize_before(line.fill)
        if selected is not None:
            start, end = selected
            style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            content = content.stylize(style, start, len(content) if end < 0 else end)
        options = RenderOptions(self._get_style, {"text_wrap": "nowrap", "text_overflow": "clip"})
        strips = content.render_strips(width, 1, self.visual_style, options)
        strip = strips[0] if strips else Strip.blank(width)
        return strip.extend_cell_length(width, self.visual_style.rich_style).apply_offsets(0, y)

    def decorate(self, line: Line, y: int) -> Content:
        """What is drawn of `line`: a place for cursors and marks."""
        return line.content

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text; a paragraph that was wrapped is one line again."""
        parts: list[str] = []
        for y, line in enumerate(self._built[1]):
            span = selection.get_span(y)
            if span is None:
                continue
            start, end = span
            text = line.content.plain[start : None if end < 0 else end]
            if parts:
                parts.append(" " if line.soft and line.code is None else "" if line.soft else "\n")
            parts.append(text)
        return "".join(parts), "\n"
