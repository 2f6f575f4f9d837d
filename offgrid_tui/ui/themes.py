"""Reads `themes/*.toml`: ours, and the user's own in the configuration folder.

A theme names ten colours by what they mean. Everything on screen is drawn from these ten, so that a theme of ten
lines is a whole theme, and a bad colour is found when the file is read, not when it is first drawn.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

FALLBACK = "dark"
MAX_BYTES = 64 * 1024

MEANINGS = ("background", "surface", "panel", "foreground", "muted", "faint", "accent", "ok", "warn", "bad")


@dataclass(frozen=True, slots=True)
class ThemeProblem:
    """A theme file that cannot be used; `what` says which line of thought in it is wrong, and what is right."""

    file: Path
    what: str


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes that can be used, by name, and those that cannot."""

    themes: dict[str, Theme] = field(default_factory=dict)
    problems: tuple[ThemeProblem, ...] = ()


def load_themes(folders: Iterable[Path]) -> Themes:
    """Every `*.toml` in `folders`; a later folder's theme takes the place of an earlier one of the same name."""
    themes: dict[str, Theme] = {}
    problems: list[ThemeProblem] = []
    for folder in folders:
        for file in sorted(folder.glob("*.toml")):
            try:
                themes[file.stem] = read_theme(file)
            except (OSError, ValueError) as error:
                problems.append(ThemeProblem(file, str(error)))
    return Themes(themes, tuple(problems))


def read_theme(file: Path) -> Theme:
    """The theme in `file`, named after it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a theme; says which key and why.
    """
    data = file.read_bytes()
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes; a theme has at most {MAX_BYTES}")
    table = tomllib.loads(data.decode())  # both raise ValueErrors
    return build_theme(file.stem, table)


def build_theme(name: str, table: dict[str, Any]) -> Theme:
    """A Textual theme from a parsed file. Raises ValueError where a key is missing, unknown or not a colour."""
    colors = table.get("colors")
    if not isinstance(colors, dict):
        raise ValueError("the table [colors] is missing")
    for key in table.keys() - {"dark", "ansi", "colors"}:
        raise ValueError(f"unknown key {key!r}; known are dark, ansi and [colors]")
    for key in colors.keys() - set(MEANINGS):
        raise ValueError(f"unknown colour {key!r}; known are {', '.join(MEANINGS)}")
    for key in ("dark", "ansi"):
        if not isinstance(table.get(key, False), bool):
            raise ValueError(f"{key} must be true or false")
    ansi = table.get("ansi", False)
    for key in MEANINGS:
        _check_color(key, colors.get(key), ansi)
    theme = _to_textual(name, colors, dark=table.get("dark", True), ansi=ansi)
    theme.to_color_system().generate()  # what Textual derives must work too
    return theme


def _check_color(key: str, value: object, ansi: bool) -> None:
    if not isinstance(value, str):
        raise ValueError(f"colour {key!r} is missing")
    try:
        color = Color.parse(value)
    except ColorParseError:
        raise ValueError(f"{key} = {value!r} is not a colour; write it as #rrggbb") from None
    if color.a != 1:
        raise ValueError(f"{key} = {value!r} is transparent; a contrast can't be known for it")
    if (color.ansi is not None) != ansi:
        kind = "one of the terminal's own, like ansi_cyan" if ansi else "#rrggbb; ansi colours need ansi = true"
        raise ValueError(f"{key} = {value!r} must be {kind}")


def _to_textual(name: str, colors: dict[str, str], *, dark: bool, ansi: bool) -> Theme:
    c = colors
    # On sixteen colours there are no shades to lay one on another: what is chosen stands on the accent.
    chosen, chosen_text = (c["accent"], "ansi_black") if ansi else (c["panel"], c["foreground"])
    variables = {
        "muted": c["muted"],
        "faint": c["faint"],
        "ok": c["ok"],
        "warn": c["warn"],
        "bad": c["bad"],
        "chosen": chosen,
        "chosen-text": chosen_text,
        # Textual's own names, for its widgets
        "text": c["foreground"],
        "text-muted": c["muted"],
        "text-disabled": c["muted"],
        "text-primary": c["accent"],
        "text-secondary": c["muted"],
        "text-accent": c["accent"],
        "text-warning": c["warn"],
        "text-error": c["bad"],
        "text-success": c["ok"],
        "block-cursor-foreground": chosen_text,
        "block-cursor-background": chosen,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": chosen_text,
        "block-cursor-blurred-background": chosen,
        "block-cursor-blurred-text-style": "none",
        "block-hover-background": c["surface"],
        "border": c["accent"],
        "border-blurred": c["faint"],
        "input-cursor-background": c["accent"],
        "input-cursor-foreground": c["background"],
        "input-cursor-text-style": "reverse" if ansi else "none",
        "input-selection-background": c["panel"],
        "input-selection-foreground": c["foreground"],
        "screen-selection-background": c["panel"],
        "screen-selection-foreground": c["foreground"],
        "scrollbar": c["faint"],
        "scrollbar-hover": c["muted"],
        "scrollbar-active": c["accent"],
        "scrollbar-background": c["background"],
        "scrollbar-background-hover": c["background"],
        "scrollbar-background-active": c["background"],
        "scrollbar-corner-color": c["background"],
        "link-color": c["accent"],
        "link-color-hover": c["accent"],
        "link-background-hover": c["panel"],
        "link-style-hover": "underline",
        **{f"markdown-h{n}-color": c["foreground"] for n in range(1, 7)},
        **{f"markdown-h{n}-background": "transparent" for n in range(1, 7)},
        **{f"markdown-h{n}-text-style": "bold" for n in range(1, 7)},
    }
    if ansi:
        variables |= {
            "ansi-background": c["background"],
            "ansi-foreground": c["foreground"],
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "screen-selection-background": "ansi_cyan",
            "screen-selection-foreground": "ansi_black",
        }
    return Theme(
        name=name,
        primary=c["accent"],
        secondary=c["muted"],
        accent=c["accent"],
        success=c["ok"],
        warning=c["warn"],
        error=c["bad"],
        foreground=c["foreground"],
        background=c["background"],
        surface=c["surface"],
        panel=c["panel"],
        dark=dark,
        ansi=ansi,
        variables=variables,
    )


def variable_defaults() -> dict[str, str]:
    """Values for our own CSS variables under a theme that is not ours (Textual asks before a theme is set)."""
    return {
        "muted": "#8c99a6",
        "faint": "#36424d",
        "ok": "#86c272",
        "warn": "#e2b35c",
        "bad": "#f07a78",
        "chosen": "#212a32",
        "chosen-text": "#d5dce3",
    }
