"""The contract as JSON lines: one object a line, the name of its class in `type`, the protocol version in `v`.

Imports the standard library and the contract alone, for the worker's sake.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from offgrid_tui.engine.contract import VERSION, Event, Request

MAX_LINE = 64 * 2**20  # bytes of one message; longer is a protocol error


class ContractError(ValueError):
    """A line that is not a message of this contract; says which field, and what was expected."""


_TYPES: dict[str, type[Any]] = {t.__name__: t for t in (*get_args(Request), *get_args(Event))}


def encode(message: Request | Event) -> bytes:
    """One line of JSON, newline included. Lone surrogates become a question mark: a line is always valid UTF-8."""
    fields = {"v": VERSION, "type": type(message).__name__, **dataclasses.asdict(message)}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> Request | Event:
    """The message in one line of JSON; every field is checked.

    Raises:
        ContractError: not JSON, another version, an unknown type, a field missing, unknown or of the wrong type.
    """
    if len(line) > MAX_LINE:
        raise ContractError(f"a message of {len(line)} bytes; at most {MAX_LINE} are taken")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ContractError("not a JSON object")
    if value.pop("v", None) != VERSION:
        raise ContractError(f"not protocol version {VERSION}")
    kind = value.pop("type", None)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ContractError(f"unknown message type {str(kind)[:40]!r}")
    return typing.cast("Request | Event", _build(_TYPES[kind], value, kind))


@cache
def _hints(kind: type[Any]) -> tuple[dict[str, Any], frozenset[str]]:
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return get_type_hints(kind), frozenset(required)


def _build(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ContractError(f"{where}: expected an object, got {type(value).__name__}")
    hints, required = _hints(kind)  # type: ignore[arg-type]
    if unknown := value.keys() - hints.keys():
        raise ContractError(f"{where}: unknown field {sorted(unknown)[0][:40]!r}")
    if missing := required - value.keys():
        raise ContractError(f"{where}: field {sorted(missing)[0]!r} is missing")
    return kind(**{name: _check(hints[name], v, f"{where}.{name}") for name, v in value.items()})


def _check(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type[Any]", hint), value, where)
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise ContractError(f"{where}: expected one of {', '.join(map(str, get_args(hint)))}")
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        inner = [a for a in get_args(hint) if a is not type(None)]
        return _check(inner[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ContractError(f"{where}: expected a list")
        return tuple(_check(get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ContractError(f"{where}: expected an object")
        return {k: _check(get_args(hint)[1], v, f"{where}.{k}") for k, v in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise ContractError(f"{where}: {str(value)[:40]!r} is not a {hint.__name__}") from None
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):  # Python's JSON takes NaN, Infinity and 1e999
            raise ContractError(f"{where}: expected a finite number")
        return number
    if (isinstance(value, bool) and hint is not bool) or not isinstance(value, hint):
        raise ContractError(f"{where}: expected {hint.__name__}, got {type(value).__name__}")
    return value
