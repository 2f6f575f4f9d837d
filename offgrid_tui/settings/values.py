"""Whether one value may stand for one setting, and which one is nearest where it may not."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, get_args, get_origin

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.schema import SECTIONS, Rule, hints, rules

AUTOMATIC = "auto"  # says "nothing set" where a file or a variable cannot: TOML has no null
SECRET = "(hidden)"  # what is shown of a value that is a secret
_LONGEST_TEXT = 1000  # characters of one text in a list
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class BadValue(ValueError):
    """`what` says what is wrong; `nearest` is the valid value closest to it, as text, or None."""

    def __init__(self, what: str, nearest: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.nearest = None if nearest is None else clean_line(nearest, 80)


def default_of(key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(SECTIONS[section](), name)


def split_type(section: str, name: str) -> tuple[type[Any], bool]:
    """The type of a setting (str, bool, int, float or tuple) and whether None is a value."""
    hint = hints(section)[name]
    optional = isinstance(hint, types.UnionType)
    if optional:
        hint = next(h for h in get_args(hint) if h is not type(None))
    return get_origin(hint) or hint, optional


def held_words(key: str, value: Any) -> str:
    """A value that holds, in words: as TOML, or what None means for this setting."""
    section, _, name = key.partition(".")
    rule = rules(section)[name]
    if value is None:
        return rule.none
    return SECRET if rule.secret else clean_line(as_toml(value), 60)


def expected(section: str, name: str) -> str:
    """What is allowed, in words: "a whole number from 1 to 64"."""
    kind, _ = split_type(section, name)
    rule = rules(section)[name]
    if rule.choices:
        return "one of " + ", ".join(rule.choices)
    if kind is tuple:
        return f"a list of at most {rule.high:g} texts of 1 to {_LONGEST_TEXT} characters"
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    text = words[kind]
    if rule.low is not None and rule.high is not None:
        text += f" from {rule.low:g} to {rule.high:.15g}"
    return f"{text} ({rule.unit})" if rule.unit else text


def check_value(section: str, name: str, value: Any) -> Any:
    """`value`, as a TOML file or a program gives it, in the type of the setting.

    Raises:
        BadValue: wrong type, out of range, or not one of the choices.
    """
    kind, optional = split_type(section, name)
    rule = rules(section)[name]
    if optional and (value is None or value == "" or (value == AUTOMATIC and AUTOMATIC not in rule.choices)):
        return None
    if kind is str and isinstance(value, PurePath):
        value = str(value)
    if kind is float and type(value) is int:
        value = _as_float(value)
    if kind is tuple and _are_texts(value, rule):
        return tuple(value)
    if type(value) is not kind:
        raise BadValue(_not_expected(section, name, value), _nearest_of_type(section, name, value))
    if rule.choices and value not in rule.choices:
        raise BadValue(_not_expected(section, name, value), closest(value, rule.choices))
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(section, name, value, rule)
    return value


def value_from_text(section: str, name: str, text: str) -> Any:
    """The same for a value given as text, in an environment variable. Lists are separated by commas.

    Raises:
        BadValue: as `check_value`.
    """
    kind, optional = split_type(section, name)
    if kind is str or (optional and text.strip() in ("", AUTOMATIC)):
        return check_value(section, name, text)
    word = text.strip()
    if kind is tuple:
        return check_value(section, name, [part for part in text.split(",") if part])
    if kind is bool and word.lower() in _TRUE + _FALSE:
        return word.lower() in _TRUE
    if kind in (int, float):
        try:
            return check_value(section, name, kind(word))
        except BadValue:
            raise
        except ValueError:
            pass
    raise BadValue(_not_expected(section, name, text), _nearest_of_type(section, name, text))


def closest(word: str, choices: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The one of `choices` that looks most like `word`; None where none is at least so much `alike` (0 to 1)."""
    import difflib  # 13 ms that only a mistake costs

    names = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(word.lower()[:100], names, n=1, cutoff=alike)
    return names[found[0]] if found else None


def as_toml(value: Any) -> str:
    """A value as it would stand in config.toml, for showing."""
    match value:
        case None:
            return f'"{AUTOMATIC}"'
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list() | tuple():
            return "[" + ", ".join(as_toml(item) for item in value) + "]"
    return str(value)


def _are_texts(value: Any, rule: Rule) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) <= (rule.high or 0)
        and all(isinstance(text, str) and 0 < len(text) <= _LONGEST_TEXT for text in value)
    )


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _check_range(section: str, name: str, value: float, rule: Rule) -> None:
    kind, _ = split_type(section, name)
    if math.isnan(value):
        raise BadValue(_not_expected(section, name, value))
    if rule.low is not None and value < rule.low:
        raise BadValue(_not_expected(section, name, value), as_toml(kind(rule.low)))
    if rule.high is not None and value > rule.high:
        raise BadValue(_not_expected(section, name, value), as_toml(kind(rule.high)))


def _not_expected(section: str, name: str, value: Any) -> str:
    if rules(section)[name].secret:
        shown = SECRET
    elif isinstance(value, dict):
        shown = "a table"
    else:
        shown = as_toml(value) if isinstance(value, str | int | float | list) else f"a {type(value).__name__}"
    return f"{section}.{name} is {clean_line(shown, 60)}, expected {expected(section, name)}"


def _nearest_of_type(section: str, name: str, value: Any) -> str | None:
    """What was probably meant: "8" for slots = "8" or 8.0, false for "off"."""
    if rules(section)[name].secret:
        return None
    kind, _ = split_type(section, name)
    try:
        if kind is bool and isinstance(value, int):
            return as_toml(bool(value))
        if kind is bool and isinstance(value, str):
            word = value.strip().lower()
            found = word if word in _TRUE + _FALSE else closest(word, ("true", "false"))
            return None if found is None else as_toml(found in _TRUE)
        if kind is int and isinstance(value, float | str):
            return as_toml(check_value(section, name, round(float(value))))
        if kind is float and isinstance(value, str):
            return as_toml(check_value(section, name, float(value)))
        if kind is str and isinstance(value, int | float):
            return as_toml(check_value(section, name, str(value)))
        if kind is tuple and isinstance(value, str):
            return as_toml(list(check_value(section, name, [value])))
    except BadValue as error:
        return error.nearest
    except (ValueError, OverflowError):
        pass
    return None
