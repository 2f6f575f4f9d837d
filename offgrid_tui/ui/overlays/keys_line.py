"""The last line of an overlay: its keys, and what each does."""

from __future__ import annotations

from textual.content import Content


def keys_line(*keys: tuple[str, str]) -> Content:
    """`enter shows it   esc closes`."""
    return Content("   ").join(Content.assemble((key, "$accent"), (f" {does}", "$muted")) for key, does in keys)
