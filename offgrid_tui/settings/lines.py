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

    Keys inside an inline table are not listed; the line of the table is theirs. The tables of an array are numbered
    from the second on: `list`, `list[1]`, `list[2]`.
    """
    found: dict[str, int] = {}
    arrays: dict[tuple[str, ...], int] = {}  # how many tables each has so far
    table: tuple[str, ...] = ()
    line, began = 1, 1
    statement, depth, in_value = "", 0, False
    for token in _TOKEN.findall(text.replace("\r\n", "\n") + "\n"):
        if token == "\n" and depth == 0:
            if statement.startswith("["):
                table = _numbered(_path(statement), arrays, adds=statement.startswith("[["))
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


def _numbered(path: tuple[str, ...], arrays: dict[tuple[str, ...], int], *, adds: bool) -> tuple[str, ...]:
    """`path` with the number of the table that it is in, at each array on the way; `adds` where it begins one."""
    found: tuple[str, ...] = ()
    for depth, name in enumerate(path, 1):
        here = (*found, name)
        if adds and depth == len(path):
            arrays[here] = arrays.get(here, 0) + 1
        number = arrays.get(here, 1) - 1
        found = (*found, f"{name}[{number}]") if number else here
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
