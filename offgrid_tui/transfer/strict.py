"""JSON from strangers: nothing in it may be said twice, and no depth or number may bring the reader down."""

from __future__ import annotations

import json
from typing import Any


def loads(text: bytes | str) -> Any:
    """The value of `text`.

    Raises:
        ValueError: it is no JSON, names a key twice, is nested too deeply or holds a number that is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number")
