"""Markdown as a model writes it, made harmless and calm.

Textual's Markdown with four differences: HTML is shown as the text it is; what an entity stands for is cleaned like
everything else (`&#x202e;` is a bidi control); links and pictures are never followed; code and tables are drawn
without boxes, wrapped instead of scrolled, so that nothing hides at the right edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from pygments.token import Token as Code
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.highlight import HighlightTheme, highlight
from textual.widget import Widget
from textual.widgets import Markdown
from textual.widgets._markdown import MarkdownBlock, MarkdownFence, MarkdownTable

from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.ui.chat.copying import CopyAsked

HIGHLIGHT_LIMIT = 20_000  # characters; beyond, a code block is shown in one colour rather than late


class CodeColors(HighlightTheme):
    """Code in our ten colours: what is not code speaks softly, text stands out, the rest is ink."""

    STYLES = {  # noqa: RUF012 - Textual declares it so
        Code.Comment: "$muted italic",
        Code.Keyword: "$accent",
        Code.Operator.Word: "$accent",
        Code.Literal.String: "$ok",
        Code.Literal.Number: "$warn",
        Code.Keyword.Constant: "$warn",
        Code.Name.Function: "bold",
        Code.Name.Class: "bold",
        Code.Name.Decorator: "$accent",
        Code.Name.Tag: "$accent",
        Code.Generic.Heading: "bold",
        Code.Generic.Inserted: "$ok",
        Code.Generic.Deleted: "$bad",
    }


def make_parser() -> MarkdownIt:
    """CommonMark with tables and strike-through; without HTML, pictures and guessed links."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(["image"])
    parser.core.ruler.push("clean", _clean_tokens)
    return parser


def _clean_tokens(state: StateCore) -> None:
    """Entities were decoded by now, so what came in clean may not be clean any more."""
    for token in state.tokens:
        token.info = clean(token.info)
        for child in token.children or ():
            child.content = clean(child.content)


class Prose(Markdown):
    """One answer. Feed it with `Markdown.get_stream(prose)`; code blocks in it can be focused and copied."""

    BULLETS = ["• ", "– ", "· "]  # noqa: RUF012 - Textual declares it so

    def __init__(self, text: str = "") -> None:
        super().__init__(text, parser_factory=make_parser, open_links=False)

    def get_block_class(self, block_name: str) -> type[MarkdownBlock]:
        return _BLOCKS.get(block_name) or super().get_block_class(block_name)

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Nothing is opened: what a link leads to, its writer chose. It is copied, to be looked at."""
        event.stop()
        self.post_message(CopyAsked(clean_line(event.href, 2000)))


class CodeBlock(MarkdownFence, can_focus=True):
    """Code, wrapped where it is too long. Focused, it says how to copy it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy code", id="code.copy", tooltip="Copy this code block"),
    ]

    @classmethod
    def highlight(cls, code: str, language: str, ansi: bool = False, dark: bool = False) -> Content:
        if len(code) > HIGHLIGHT_LIMIT:
            return Content(code)
        # Without a language nothing is guessed: guessing loads every lexer there is, which takes a second.
        return highlight(code, language=language.split()[0] if language.split() else "text", theme=CodeColors)

    def on_mount(self) -> None:
        self.border_subtitle = Content("y copies")

    def action_copy(self) -> None:
        self.post_message(CopyAsked(self.code))


class TableBlock(MarkdownTable):
    """A table as aligned columns under a rule."""

    def compose(self) -> ComposeResult:
        yield _Columns(*self._get_headers_and_rows())

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if isinstance(block, MarkdownTable) and (columns := next(iter(self.query(_Columns)), None)) is not None:
            columns.show(*block._get_headers_and_rows())
        else:
            await super()._update_from_block(block)


class _Columns(Widget):
    """Columns as wide as their text wants, shrunk from the widest where the screen is too narrow."""

    DEFAULT_CSS = "_Columns { width: 1fr; height: auto; }"
    GAP = 3

    def __init__(self, headers: list[Content], rows: list[list[Content]]) -> None:
        super().__init__()
        self._headers, self._rows = headers, rows
        self._drawn: tuple[int, Content] | None = None

    def show(self, headers: list[Content], rows: list[list[Content]]) -> None:
        self._headers, self._rows, self._drawn = headers, rows, None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._draw(width).plain.count("\n") + 1

    def render(self) -> Content:
        return self._draw(self.size.width)

    def _draw(self, width: int) -> Content:
        if self._drawn is None or self._drawn[0] != width:
            widths = self._fit(width)
            lines = [*_row([h.stylize("bold") for h in self._headers], widths, self.GAP)]
            lines.append(Content.styled((" " * self.GAP).join("─" * w for w in widths), "$faint"))
            for row in self._rows:
                cells = (row + [Content("")] * len(widths))[: len(widths)]
                lines += _row(cells, widths, self.GAP)
            self._drawn = width, Content("\n").join(lines)
        return self._drawn[1]

    def _fit(self, width: int) -> list[int]:
        columns = len(self._headers)
        widths = [
            max([self._headers[i].cell_length, *(row[i].cell_length for row in self._rows if i < len(row)), 1])
            for i in range(columns)
        ]
        room = max(width - self.GAP * (columns - 1), columns * 3)
        while sum(widths) > room and max(widths) > 3:
            widest = widths.index(max(widths))
            widths[widest] -= max(1, min(sum(widths) - room, widths[widest] // 8))
        return widths


def _row(cells: list[Content], widths: list[int], gap: int) -> Iterable[Content]:
    wrapped = [cell.wrap(width) or [Content("")] for cell, width in zip(cells, widths, strict=True)]
    for y in range(max(len(lines) for lines in wrapped)):
        parts = [lines[y] if y < len(lines) else Content("") for lines in wrapped]
        padded = [part.pad_right(max(0, width - part.cell_length)) for part, width in zip(parts, widths, strict=True)]
        yield Content(" " * gap).join(padded).rstrip()


_BLOCKS: dict[str, type[MarkdownBlock]] = {"fence": CodeBlock, "code_block": CodeBlock, "table_open": TableBlock}
