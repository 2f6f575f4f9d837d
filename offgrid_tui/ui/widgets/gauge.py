"""Gauges drawn with characters: eighth blocks, half blocks where there are no shades, or plain ASCII."""

from __future__ import annotations

from enum import Enum

from textual.content import Content

_EIGHTHS = " ▏▎▍▌▋▊▉█"


class Drawing(Enum):
    """What the terminal can show. SHADES lays eighth blocks on a track; the others need no colour to be read."""

    SHADES = "shades"
    BLOCKS = "blocks"  # sixteen colours, or none
    ASCII = "ascii"


def gauge(fraction: float | None, width: int, drawing: Drawing, color: str = "$accent") -> Content:
    """A bar `width` cells wide. `fraction` is clamped to 0..1; None draws an empty track: nothing was measured."""
    part = 0.0 if fraction is None else min(max(fraction, 0.0), 1.0)
    if drawing is Drawing.SHADES:
        eighths = round(part * width * 8)
        if part > 0:
            eighths = max(eighths, 1)  # something is never shown as nothing
        full, rest = divmod(eighths, 8)
        bar = "█" * full + (_EIGHTHS[rest] if rest else "")
        return Content.styled(bar.ljust(width), f"{color} on $faint")
    if drawing is Drawing.BLOCKS:
        inner = width - 2
        halves = round(part * inner * 2)
        full, half = divmod(halves, 2)
        return Content.assemble("▐", ("█" * full + "▌" * half, color), " " * (inner - full - half), "▌")
    inner = width - 2
    full = round(part * inner)
    return Content.assemble("[", ("#" * full, color), "." * (inner - full), "]")
