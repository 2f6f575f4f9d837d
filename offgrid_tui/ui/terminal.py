"""What Textual does not know about terminals."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


def teach_alt() -> None:
    """Without the Kitty protocol alt+enter arrives as ESC CR, which Textual takes for a circumflex and an enter, and
    alt+1 as ESC 1, which it takes for what a Mac's keyboard makes of it."""
    keys: Any = ANSI_SEQUENCES_KEYS
    keys["\x1b\r"] = (SimpleNamespace(value="alt+enter"),)
    for digit in "123456":
        keys[f"\x1b{digit}"] = (SimpleNamespace(value=f"alt+{digit}"),)


def draw_on_stdout_without_stderr() -> None:
    """Textual draws on stderr. With `2>log` that is no terminal, and stdout is one."""
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
