"""Markdown: the same lines however it came, harmless whatever it holds, and never wider than the screen."""

from __future__ import annotations

import random

import pytest
from textual.content import Content
from textual.geometry import Offset
from textual.selection import Selection

from offgrid_tui.foundation.text import clean
from offgrid_tui.ui.markdown.code import CONTEXT, GrowingCode, highlight
from offgrid_tui.ui.markdown.document import Document
from offgrid_tui.ui.markdown.layout import Line
from offgrid_tui.ui.widgets.lines import Lines

DOCUMENT = """# Title

A paragraph with **bold**, *soft*, `code`, ~~gone~~ and [a link](https://example.org/x), which goes on
in a second line of the source\\
and breaks hard before this one.

Setext
======

> A quotation with a list:
>
> - one
> - two

1. First
2. Second
   - nested
     - deeper

     with a paragraph
10. Tenth

* loose

* items

```python
def f(x):
    return {"a": 1}  # a comment
```

    indented code

| left | right | middle |
| :--- | ----: | :---: |
| 1 | 2 | 3 |
| a longer cell | 22 | `x` |

---

Last words, with an entity &amp; an & ampersand, a <b>tag</b> and 模型 in wide letters.
"""


def texts(document: Document, width: int = 60) -> list[str]:
    return [line.content.plain.rstrip() for line in document.lines(width)]


def test_a_document_as_it_is_drawn() -> None:
    assert texts(Document(DOCUMENT)) == [
        "Title",
        "",
        "A paragraph with bold, soft, code, gone and a link, which",
        "goes on in a second line of the source",
        "and breaks hard before this one.",
        "",
        "Setext",
        "",
        "▏ A quotation with a list:",
        "▏",
        "▏ • one",
        "▏ • two",
        "",
        "1. First",
        "2. Second",
        "   – nested",
        "",
        "     · deeper",
        "",
        "     with a paragraph",
        "3. Tenth",
        "",
        "• loose",
        "",
        "• items",
        "",
        "▌ def f(x):",
        '▌     return {"a": 1}  # a comment',
        "",
        "▌ indented code",
        "",
        "left            right   middle",
        "─────────────   ─────   ──────",
        "1                   2     3",
        "a longer cell      22     x",
        "",
        "─" * 60,
        "",
        "Last words, with an entity & an & ampersand, a <b>tag</b>",
        "and 模型 in wide letters.",
    ]


@pytest.mark.parametrize("seed", range(30))
def test_however_it_came_it_is_drawn_the_same(seed: int) -> None:
    dice = random.Random(seed)
    text = DOCUMENT * dice.randint(1, 2)
    document = Document()
    at = 0
    while at < len(text):
        size = dice.choice((1, 2, 3, 7, 20, 90))
        document.append(text[at : at + size])
        document.lines(dice.choice((60, 60, 60, 31)))
        at += size
    assert document.text == text
    assert texts(document) == texts(Document(text))
    assert [c.code for c in document.codes] == [c.code for c in Document(text).codes]


@pytest.mark.parametrize("width", [12, 13, 20, 33, 60, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    text = DOCUMENT + "\n\n" + "x" * 500 + "\n\n```\n" + "y" * 500 + "模" * 100 + "\n```\n"
    for line in Document(text).lines(width):
        assert line.content.cell_length <= width, line.content.plain


def test_entities_cannot_smuggle_controls() -> None:
    evil = "&#27;[31m &#x9b;1m &#x202e;x `&#27;` [a](http://x/&#x202e;) \n\n```sh&#x202e;\n&#27;\n```\n"
    for line in Document(evil).lines(60):
        plain = line.content.plain
        assert clean(plain) == plain
    [code] = Document("```sh&#x202e; x\n1\n```").codes
    assert clean(code.language) == code.language


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5000 + "deep",
        "- " * 3000,
        "*" * 5000,
        "[" * 5000,
        "`" * 5000,
        "|" * 2000 + "\n" + "|-" * 1000,
        "\n" * 9000,
    ],
)
def test_hostile_text_is_drawn_in_time(text: str) -> None:
    assert isinstance(Document(text).lines(80), list)


def test_a_growing_code_block_is_coloured_like_a_whole_one() -> None:
    source = "\n".join(f"x{i} = call({i}, 'text')  # note" for i in range(3 * CONTEXT))
    growing = GrowingCode()
    for end in range(0, len(source), 17):
        growing.lines(source[:end], "python")
    lines = growing.lines(source, "python")
    assert [line.plain for line in lines] == source.split("\n")
    assert [line.spans for line in lines] == [line.spans for line in highlight(source, "python")]


@pytest.mark.parametrize("language", ["", "nonsense", "../../x", "PYTHON", "python:main.py"])
def test_any_word_may_name_a_language(language: str) -> None:
    assert [line.plain for line in highlight("a = 1\n\nb", language)] == ["a = 1", "", "b"]


class Fixed(Lines):
    """Lines that stand still."""

    def __init__(self, lines: list[Line]) -> None:
        super().__init__()
        self._fixed = lines

    def build(self, width: int) -> list[Line]:
        return self._fixed


def test_selected_text_is_whole_again() -> None:
    lines = Fixed(Document("one two three four five\n\n- six").lines(10))
    lines.lines(10)
    assert lines.get_selection(Selection(None, None)) == ("one two three four five\n\n• six", "\n")
    assert lines.get_selection(Selection(Offset(4, 0), Offset(5, 1))) == ("two three", "\n")


def test_links_only_say_where_they_lead() -> None:
    [line] = Document("[here](https://example.org)").lines(40)
    metas = [span.style.meta for span in line.content.spans if not isinstance(span.style, str) and span.style.meta]
    assert metas == [{"href": "https://example.org"}]
    assert Content("").plain == ""
