"""Whether every text on the screen can be read: its contrast, as it is really drawn."""

from __future__ import annotations

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

from tests.ui.desk import Desk

AA = 4.5  # WCAG 2.2, 1.4.3, for text of normal size
LINES = set("▏▎▍▌▋▊▉█▐▕─│╭╮╰╯━┃▁▂▃▄▅▆▇▔◀▶")  # drawn, not read


def assert_readable(desk: Desk) -> None:
    """Every segment of the top screen; the screen under an overlay is dimmed on purpose, and not read."""
    ansi = desk.app.native_ansi_color
    screen = desk.app.screen
    overlay = next(iter(screen.query(".overlay")), None)
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            text, style = segment.text, segment.style or Style()
            inside = overlay is None or overlay.region.contains(x, y)
            x += segment.cell_length
            if not inside or all(char.isspace() or char in LINES or char in "·•–" for char in text):
                continue
            if ansi:
                named = [c for c in (style.color, style.bgcolor) if c is not None and not c.is_default]
                assert all(c.number is not None and c.number < 16 for c in named), (text, style)
                assert style.color != style.bgcolor or style.color is None or style.color.is_default, (text, style)
                continue
            ratio = _contrast(style)
            assert ratio >= AA, f"{ratio:.2f} for {text!r} in line {y}: {style}"


def _contrast(style: Style) -> float:
    assert style.color is not None and style.bgcolor is not None
    front, back = (_luminance(c) for c in (style.color, style.bgcolor))
    return (max(front, back) + 0.05) / (min(front, back) + 0.05)


def _luminance(color: RichColor) -> float:
    rgb = Color.from_rich_color(color).rgb
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
