"""Takes one table of a catalog apart: every field checked, every text cleaned, since users write catalogs too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from offgrid_tui.foundation.text import clean_line

T = TypeVar("T")

_LONGEST = 300  # characters of a text
_MOST = 2**53  # of a number: what JSON and everybody else can hold
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,95}")
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,95}")


class BadEntry(ValueError):
    """What is wrong, and `key` where: relative to the table, "" for the table itself."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key
        self.what = what


class Fields:
    """One table. Each field is taken once; `finish` refuses what nobody asked for."""

    def __init__(self, table: Any, what: str) -> None:
        if not isinstance(table, dict):
            raise BadEntry("", f"{what} has to be a table")
        self._table: dict[str, Any] = table
        self._left = set(table)

    def take(self, key: str, check: Callable[[Any], T], default: T) -> T:
        """The field `key` as `check` returns it; `default` where it is missing.

        Raises:
            BadEntry: `check` did not take it.
        """
        self._left.discard(key)
        if key not in self._table:
            return default
        try:
            return check(self._table[key])
        except BadEntry as error:
            if error.key:
                raise BadEntry(f"{key}.{error.key}", error.what) from None
            raise BadEntry(key, f"{key} {error.what}") from None

    def tables(self, key: str) -> list[Any]:
        """The list of tables under `key`; empty where it is missing."""
        return self.take(key, _list, [])

    def finish(self) -> None:
        """Refuse fields that there are not: a slip in a name must not go unseen."""
        if self._left:
            name = min(self._left, key=str)
            raise BadEntry(str(name), f"there is no field {clean_line(str(name), 60)}")


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadEntry("", "has to be a text")
    return clean_line(value, _LONGEST)


def name(value: Any) -> str:
    found = text(value)
    if not found:
        raise BadEntry("", "is empty")
    return found


def number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
        raise BadEntry("", "has to be a whole number, larger than 0")
    return value


def count(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else number(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadEntry("", "has to be true or false")
    return value


def numbers(value: Any) -> tuple[int, ...]:
    """One number for all layers, or a list with one for each."""
    return tuple(count(item) for item in value) if isinstance(value, list) else (count(value),)


def texts(value: Any) -> tuple[str, ...]:
    return tuple(name(item) for item in _list(value))


def short_names(value: Any) -> tuple[str, ...]:
    """In lower case, without white space: they are typed."""
    found = tuple(item.casefold() for item in texts(value))
    if bad := next((item for item in found if not SHORT_NAME.fullmatch(item)), None):
        raise BadEntry("", f"has {bad}, which is no short name: letters, digits and . _ - : /")
    return found


def id_of_model(value: str) -> str:
    if not _ID.fullmatch(value):
        shown = clean_line(value, 60)
        raise BadEntry("", f"{shown} is no id: lower-case letters, digits, dots and hyphens")
    return value


def repository(value: Any) -> str:
    if not _REPOSITORY.fullmatch(found := text(value)):
        raise BadEntry("", "has to be organisation/name")
    return found


def revision(value: Any) -> str:
    if not _REVISION.fullmatch(found := text(value)):
        raise BadEntry("", "has to be a commit: hexadecimal digits")
    return found


def sha256(value: Any) -> str:
    if not _SHA256.fullmatch(found := text(value).lower()):
        raise BadEntry("", "has to be 64 hexadecimal digits")
    return found


def path(value: Any) -> str:
    """A path inside a repository, with forward slashes, that does not lead out of it."""
    if not isinstance(value, str) or value != clean_line(value, _LONGEST) or "\\" in value:
        raise BadEntry("", "has to be the path of a file, in plain characters")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise BadEntry("", "has to stay inside its repository")
    return value


def address(value: Any) -> str:
    found = text(value)
    if not re.fullmatch(r"https?://[^\s/@]+/\S+", found):
        raise BadEntry("", "has to be an address: https://…, without a password")
    return found


def pattern(letter: str) -> Callable[[Any], tuple[bool, ...]]:
    """One letter for each layer: whether it is `letter`."""
    return lambda value: tuple(character == letter for character in text_of_letters(value))


def text_of_letters(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{1,1000}", value):
        raise BadEntry("", "has to be one capital letter for each layer")
    return value


def one_of(choices: type[T]) -> Callable[[Any], T]:
    """A member of an enum of texts, by its value."""
    values: Mapping[str, T] = {str(choice): choice for choice in choices}  # type: ignore[attr-defined]

    def check(value: Any) -> T:
        if not isinstance(value, str) or value not in values:
            raise BadEntry("", "has to be one of " + ", ".join(values))
        return values[value]

    return check


def several(check: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A list of what `check` takes."""
    return lambda value: tuple(check(item) for item in _list(value))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadEntry("", "has to be a list")
    return value
