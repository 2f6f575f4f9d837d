"""From Markdown to blocks, harmlessly: HTML is the text it is, and what an entity stands for is cleaned too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.ui.markdown.blocks import Block, Code, Heading, Inline, Items, Paragraph, Quote, Rule, Run, Table

_SPACE = re.compile(r"\s+")
_OPEN_STYLES = {"em_open": "italic", "strong_open": "bold", "s_open": "strike"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A block, and the line of the source it begins at."""

    block: Block
    line: int


@cache
def _parser() -> MarkdownIt:
    """CommonMark with tables and strike-through; without HTML, pictures and guessed links. Nesting is bounded (20)."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable(["image"])


def parse(text: str) -> list[Parsed]:
    """The top-level blocks of `text`, in order."""
    tokens = _Tokens(_parser().parse(text))
    return list(_top(tokens))


class _Tokens:
    """markdown-it's flat list of tokens, read from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def next(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def until(self, kind: str) -> Iterator[Token]:
        """The tokens up to one of type `kind`, which is taken too."""
        while (token := self.peek()) is not None:
            if token.type == kind:
                self._at += 1
                return
            yield token


def _top(tokens: _Tokens) -> Iterator[Parsed]:
    while (token := tokens.peek()) is not None:
        line = token.map[0] if token.map else 0
        block = _block(tokens)
        if block is not None:
            yield Parsed(block, line)


def _block(tokens: _Tokens) -> Block | None:
    """The block that begins at the next token; None where it is nothing to draw."""
    token = tokens.next()
    match token.type:
        case "paragraph_open":
            return Paragraph(_text(tokens, "paragraph_close"))
        case "heading_open":
            return Heading(int(token.tag[1]), _text(tokens, "heading_close"))
        case "fence" | "code_block":
            language = clean_line(token.info, 40).split()
            return Code(clean(token.content).rstrip("\n"), language[0] if language else "")
        case "hr":
            return Rule()
        case "blockquote_open":
            return Quote(_blocks(tokens, "blockquote_close"))
        case "bullet_list_open":
            return _list(tokens, "bullet_list_close", None)
        case "ordered_list_open":
            return _list(tokens, "ordered_list_close", int(token.attrGet("start") or 1))
        case "table_open":
            return _table(tokens)
        case "inline":
            return Paragraph(inline(token))
        case _:
            return None


def _blocks(tokens: _Tokens, end: str) -> tuple[Block, ...]:
    return tuple(block for _ in tokens.until(end) if (block := _block(tokens)) is not None)


def _text(tokens: _Tokens, end: str) -> Inline:
    runs: Inline = ()
    for _ in tokens.until(end):
        token = tokens.next()
        if token.type == "inline":
            runs = inline(token)
    return runs


def _list(tokens: _Tokens, end: str, start: int | None) -> Items:
    items: list[tuple[Block, ...]] = []
    tight = True
    for _ in tokens.until(end):
        tokens.next()  # list_item_open
        blocks: list[Block] = []
        for inner in tokens.until("list_item_close"):
            tight = tight and not (inner.type == "paragraph_open" and not inner.hidden)
            if (block := _block(tokens)) is not None:
                blocks.append(block)
        items.append(tuple(blocks))
    return Items(tuple(items), start, tight)


def _table(tokens: _Tokens) -> Table:
    rows: list[tuple[Inline, ...]] = []
    align: list[str] = []
    for token in tokens.until("table_close"):
        tokens.next()
        if token.type != "tr_open":
            continue
        row: list[Inline] = []
        for cell in tokens.until("tr_close"):
            tokens.next()
            if cell.type == "th_open":
                align.append(str(cell.attrGet("style") or "").removeprefix("text-align:") or "left")
            if cell.type == "inline":
                row.append(inline(cell))
        rows.append(tuple(row))
    columns = len(rows[0])
    body = tuple((row + ((),) * columns)[:columns] for row in rows[1:])
    return Table(rows[0], body, tuple(align))


def inline(token: Token) -> Inline:
    """The runs of an inline token, neighbours of one style joined."""
    runs: list[Run] = []
    styles: list[str] = []
    href = ""

    def add(text: str, extra: str = "") -> None:
        run = Run(text, " ".join((*styles, extra)).strip(), href)
        if runs and replace(runs[-1], text="") == replace(run, text=""):
            runs[-1] = replace(runs[-1], text=runs[-1].text + text)
        elif text:
            runs.append(run)

    for child in token.children or ():
        match child.type:
            case "text" | "text_special":
                add(_SPACE.sub(" ", clean(child.content)))
            case "softbreak":
                add(" ")
            case "hardbreak":
                add("\n")
            case "code_inline":
                add(clean(child.content), "$accent on $surface")
            case "em_open" | "strong_open" | "s_open":
                styles.append(_OPEN_STYLES[child.type])
            case "em_close" | "strong_close" | "s_close":
                styles.pop()
            case "link_open":
                href = clean_line(str(child.attrGet("href") or ""), 2000)
                styles.append("underline")
            case "link_close":
                href = ""
                styles.pop()
            case _:
                add(clean(child.content))
    return tuple(runs)
