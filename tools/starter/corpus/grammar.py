"""A grammar in one line: `(a|b|)` chooses, `{name}` is a rule, a backslash takes the next character as it is."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_SPECIAL = "(|){}\\"


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Sequence, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str


_Sequence = tuple["str | _Choice | _Rule", ...]


class Grammar:
    """Rules that sentences may use. `sample` draws one sentence; the same generator state gives the same one."""

    def __init__(self, rules: Mapping[str, str] | None = None) -> None:
        self._rules = dict(rules or {})

    def sample(self, text: str, random_: random.Random) -> str:
        """One sentence of `text`, with single spaces.

        Raises:
            ValueError: brackets don't match.
            KeyError: a rule is missing.
        """
        return " ".join(self._draw(_parse(text), random_).split())

    def size(self, text: str) -> int:
        """How many ways there are to draw from `text` (equal results counted apart)."""
        return self._size(_parse(text))

    def _draw(self, sequence: _Sequence, random_: random.Random) -> str:
        parts: list[str] = []
        for item in sequence:
            if isinstance(item, str):
                parts.append(item)
            elif isinstance(item, _Choice):
                parts.append(self._draw(random_.choice(item.options), random_))
            else:
                parts.append(self._draw(_parse(self._rules[item.name]), random_))
        return "".join(parts)

    def _size(self, sequence: _Sequence) -> int:
        total = 1
        for item in sequence:
            if isinstance(item, _Choice):
                total *= sum(self._size(option) for option in item.options)
            elif isinstance(item, _Rule):
                total *= self._size(_parse(self._rules[item.name]))
        return total


@lru_cache(maxsize=65_536)
def _parse(text: str) -> _Sequence:
    sequence, end = _sequence(text, 0, nested=False)
    if end != len(text):
        raise ValueError(f"unexpected {text[end]!r} at {end} of {text!r}")
    return sequence


def _sequence(text: str, at: int, *, nested: bool) -> tuple[_Sequence, int]:
    items: list[str | _Choice | _Rule] = []
    plain: list[str] = []

    def flush() -> None:
        if plain:
            items.append("".join(plain))
            plain.clear()

    while at < len(text):
        character = text[at]
        if character not in _SPECIAL:
            plain.append(character)
            at += 1
        elif character == "\\":
            plain.append(text[at + 1])
            at += 2
        elif character == "(":
            flush()
            choice, at = _choice(text, at + 1)
            items.append(choice)
        elif character == "{":
            flush()
            end = text.index("}", at)
            items.append(_Rule(text[at + 1 : end]))
            at = end + 1
        elif nested and character in "|)":
            break
        else:
            raise ValueError(f"unexpected {character!r} at {at} of {text!r}")
    flush()
    return tuple(items), at


def _choice(text: str, at: int) -> tuple[_Choice, int]:
    options: list[_Sequence] = []
    while True:
        option, at = _sequence(text, at, nested=True)
        options.append(option)
        if at >= len(text):
            raise ValueError(f"a bracket is not closed in {text!r}")
        at += 1
        if text[at - 1] == ")":
            return _Choice(tuple(options)), at
