"""What Textual does not know about terminals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


def teach_alt_enter() -> None:
    """Without the Kitty protocol alt+enter arrives as ESC CR, which Textual takes for a circumflex and an enter."""
    keys: Any = ANSI_SEQUENCES_KEYS
    keys["\x1b\r"] = (SimpleNamespace(value="alt+enter"),)
