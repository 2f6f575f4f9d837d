"""Code in our colours: comments speak softly, strings and numbers stand out, the rest is ink."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token
from pygments.util import ClassNotFound
from textual.content import Content, Span

LIMIT = 20_000  # characters; beyond, a block is shown in one colour rather than late
CONTEXT = 40  # lines that are coloured anew while a block grows; those above stay as they are

_STYLES: dict[Any, str] = {
    Token.Comment: "$muted italic",
    Token.Keyword: "$accent",
    Token.Keyword.Constant: "$warn",
    Token.Operator.Word: "$accent",
    Token.Literal.String: "$ok",
    Token.Literal.Number: "$warn",
    Token.Name.Function: "bold",
    Token.Name.Class: "bold",
    Token.Name.Decorator: "$accent",
    Token.Name.Tag: "$accent",
    Token.Generic.Heading: "bold",
    Token.Generic.Inserted: "$ok",
    Token.Generic.Deleted: "$bad",
}


@lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer | None:
    """The lexer that a model's word names. Without a word nothing is guessed: that would load every lexer there is."""
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None


def highlight(code: str, language: str) -> list[Content]:
    """The lines of `code`, coloured."""
    lexer = _lexer(language.lower())
    code = code.expandtabs(4)
    if lexer is None or len(code) > LIMIT:
        return [Content(line) for line in code.split("\n")]
    spans: list[Span] = []
    at = 0
    for kind, text in lexer.get_tokens(code):
        end = at + len(text)
        style = _style(kind)
        if style and text.strip():
            spans.append(Span(at, end, style))
        at = end
    return Content(code, spans).split("\n", allow_blank=True)


@lru_cache(maxsize=512)
def _style(kind: Any) -> str:
    while kind is not None:
        if kind in _STYLES:
            return _STYLES[kind]
        kind = kind.parent
    return ""


class GrowingCode:
    """Colours a block that grows at its end: only its last lines, so that a long block costs what a short one does."""

    def __init__(self) -> None:
        self._language = ""
        self._code = ""
        self._lines: list[Content] = []

    def lines(self, code: str, language: str) -> list[Content]:
        """The lines of `code`, which may continue what was asked for last."""
        if language == self._language and code.startswith(self._code) and len(self._lines) > CONTEXT:
            kept = len(self._lines) - CONTEXT
            rest = code.split("\n")[kept:]
            self._lines = self._lines[:kept] + highlight("\n".join(rest), language)
        else:
            self._lines = highlight(code, language)
        self._language, self._code = language, code
        return self._lines
