"""Finds the line on which each key of a TOML file stands; no TOML library tells it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}'''  # multi-line strings
    r"""|"(?:\\.|[^"\\\n])*"|'[^'\n]*\'"""
    r"""|\#[^\n]*|\n|[\[\]{}=]|[^"'\#\n\[\]{}=]+|.""",
    re.DOTALL,
)


def key_lines(text: str) -> dict[str, int]:
    """Dotted key (and table) -> its line, counted from 1. `text` must be valid TOML.

    Keys inside an inline table are not listed; the line of the table is theirs.
    """
    found: dict[str, int] = {}
    table: tuple[str, ...] = ()
    line, began = 1, 1
    statement, depth, in_value = "", 0, False
    for token in _TOKEN.findall(text.replace("\r\n", "\n") + "\n"):
        if token == "\n" and depth == 0:
            if statement.startswith("["):
                table = _path(statement)
                found.setdefault(".".join(table), began)
            statement, in_value = "", False
        elif token == "=" and depth == 0 and not in_value:
            found.setdefault(".".join(table + _path(statement + "= 0")), began)
            in_value, statement = True, ""
        elif not token.startswith("#"):
            if not statement and not in_value:
                token, began = token.lstrip(), line
            depth += (token in ("[", "{")) - (token in ("]", "}"))
            if not in_value:
                statement += token
        line += token.count("\n")
    return found


def _path(statement: str) -> tuple[str, ...]:
    """The names in a table's header or before an equals sign, quotes and all left to the real parser."""
    try:
        value: Any = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return ()
    names: list[str] = []
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        names.append(name)
        if isinstance(value, list):
            value = value[0]
    return tuple(names)
