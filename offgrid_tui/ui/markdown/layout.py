"""From blocks to lines of a given width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.style import Style

from offgrid_tui.ui.markdown.blocks import Block, Code, Heading, Inline, Items, Paragraph, Quote, Rule, Table
from offgrid_tui.ui.markdown.code import highlight

BULLETS = ("•", "–", "·")
GAP = 3  # cells between two columns of a table
MIN_COLUMN = 6  # cells of the narrowest column beside which that gap is kept


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One line of the screen.

    Attributes:
        soft: it goes on what stands before it: one paragraph, wrapped.
        code: index of the code block it belongs to, within the document; None for everything else.
        fill: the style of the cells up to the right edge.
    """

    content: Content
    soft: bool = False
    code: int | None = None
    fill: str = ""


EMPTY = Line(Content(""))
Highlight = Callable[[str, str], list[Content]]


def lay_out(block: Block, width: int, *, code: int = 0, depth: int = 0, colour: Highlight = highlight) -> list[Line]:
    """The lines of `block`. `code` is the index of its first code block; `depth` that of the list it stands in."""
    width = max(width, 2)
    match block:
        case Paragraph(text):
            return wrap(to_content(text), width)
        case Heading(level, text):
            style = "bold $accent" if level <= 2 else "bold"
            return wrap(to_content(text).stylize_before(style), width)
        case Code(source, language):
            return [_code_line(line, code, soft) for line, soft in _fold(colour(source, language), max(width - 3, 2))]
        case Rule():
            return [Line(Content.styled("─" * width, "$faint"))]
        case Quote(blocks):
            inner = lay_out_all(blocks, width - 2, code=code, depth=depth, colour=colour)
            return _prefixed(inner, Content.styled("▏ ", "$faint"), Content.styled("▏ ", "$faint"))
        case Items():
            return _items(block, width, code, depth, colour)
        case Table():
            return _table(block, width)


def lay_out_all(
    blocks: Sequence[Block],
    width: int,
    *,
    code: int = 0,
    depth: int = 0,
    tight: bool = False,
    colour: Highlight = highlight,
) -> list[Line]:
    """The lines of `blocks`, with an empty line between two, except in a tight list."""
    lines: list[Line] = []
    for block in blocks:
        if lines and not tight:
            lines.append(EMPTY)
        lines += lay_out(block, width, code=code, depth=depth, colour=colour)
        code += count_code(block)
    return lines


def count_code(block: Block) -> int:
    """How many code blocks stand in `block`."""
    return len(code_blocks(block))


def code_blocks(block: Block) -> list[Code]:
    """The code blocks in `block`, in the order of their lines."""
    match block:
        case Code():
            return [block]
        case Quote(blocks):
            return [code for inner in blocks for code in code_blocks(inner)]
        case Items(items):
            return [code for item in items for inner in item for code in code_blocks(inner)]
        case _:
            return []


def to_content(text: Inline) -> Content:
    """Styled text; a link carries where it leads to in its meta data, and nothing happens by itself."""
    parts: list[Content | tuple[str, str]] = []
    for run in text:
        if run.href:
            parts.append(Content(run.text).stylize(run.style).stylize(Style.from_meta({"href": run.href})))
        else:
            parts.append((run.text, run.style))
    return Content.assemble(*parts)


def wrap(content: Content, width: int) -> list[Line]:
    """`content` in lines; every line but the first of a paragraph is soft. No character is wider than two cells."""
    width = max(width, 2)
    lines: list[Line] = []
    for paragraph in content.split("\n", allow_blank=True):
        lines += [Line(part, soft=i > 0) for i, part in enumerate(paragraph.wrap(width) or [Content("")])]
    return lines


def _fold(lines: Iterable[Content], width: int) -> Iterable[tuple[Content, bool]]:
    for line in lines:
        for i, part in enumerate(line.fold(width) if line.cell_length > width else [line]):
            yield part, i > 0


def _code_line(line: Content, code: int, soft: bool) -> Line:
    return Line(Content.assemble(("▌", "$faint on $surface"), " ", line), soft=soft, code=code, fill="on $surface")


def _prefixed(lines: Sequence[Line], first: Content, rest: Content) -> list[Line]:
    return [
        Line(Content.assemble(first if i == 0 else rest, line.content), line.soft, line.code, line.fill)
        for i, line in enumerate(lines)
    ]


def _items(block: Items, width: int, code: int, depth: int, colour: Highlight) -> list[Line]:
    lines: list[Line] = []
    last = len(str((block.start or 0) + len(block.items) - 1))
    for i, item in enumerate(block.items):
        mark = f"{BULLETS[depth % 3]} " if block.start is None else f"{block.start + i:>{last}}. "
        if lines and not block.tight:
            lines.append(EMPTY)
        inner = lay_out_all(item, width - len(mark), code=code, depth=depth + 1, tight=block.tight, colour=colour)
        inner = inner or [EMPTY]
        lines += _prefixed(inner, Content.styled(mark, "$muted"), Content(" " * len(mark)))
        code += sum(count_code(child) for child in item)
    return lines


def _table(table: Table, width: int) -> list[Line]:
    """Columns under a rule, shrunk from the widest where the screen is too narrow."""
    head = [to_content(cell).stylize_before("bold") for cell in table.head]
    rows = [[to_content(cell) for cell in row] for row in table.rows]
    widths = [max(cell.cell_length for cell in column) for column in zip(head, *rows, strict=True)]
    widths = [max(cells, 1) for cells in widths]
    gap = GAP if width >= len(widths) * (MIN_COLUMN + GAP) else 1
    room = max(width - gap * (len(widths) - 1), len(widths) * 2)  # two cells: no character is wider
    while sum(widths) > room and max(widths) > 2:
        widest = widths.index(max(widths))
        widths[widest] -= max(1, min(sum(widths) - room, widths[widest] // 8))
    rule = Content.styled((" " * gap).join("─" * cells for cells in widths), "$faint")
    lines = [*_row(head, widths, table.align, gap), rule]
    for row in rows:
        lines += _row(row, widths, table.align, gap)
    return [Line(line) for line in lines]


def _row(cells: Sequence[Content], widths: Sequence[int], align: Sequence[str], gap: int) -> list[Content]:
    wrapped = [
        [cell] if cell.cell_length <= width and "\n" not in cell.plain else cell.wrap(width) or [Content("")]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for y in range(max(map(len, wrapped))):
        parts = [column[y] if y < len(column) else Content("") for column in wrapped]
        lines.append(Content(" " * gap).join(map(_aligned, parts, widths, align)).rstrip())
    return lines


def _aligned(cell: Content, width: int, align: str) -> Content:
    room = max(width - cell.cell_length, 0)
    left = room if align == "right" else room // 2 if align == "center" else 0
    return cell.pad(left, room - left)
