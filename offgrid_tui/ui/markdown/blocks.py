"""What a document is made of. Everything is hashable, so that what was laid out once is found again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style: names of our colours and text styles, as Textual writes them. `href` makes it a link."""

    text: str
    style: str = ""
    href: str = ""


Inline = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: Inline


@dataclass(frozen=True, slots=True)
class Heading:
    level: int  # 1 to 6
    text: Inline


@dataclass(frozen=True, slots=True)
class Code:
    """A code block; `language` as the model named it."""

    code: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `start` is the first number, None where it is not numbered. A tight list has no lines between items."""

    items: tuple[tuple[Block, ...], ...]
    start: int | None = None
    tight: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Every row has as many cells as the head; `align` holds "left", "right" or "center" for each column."""

    head: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    align: tuple[str, ...]


Block = Paragraph | Heading | Code | Rule | Quote | Items | Table
