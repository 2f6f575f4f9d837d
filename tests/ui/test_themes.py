"""Themes: checked when they are read, readable when they are used."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource
from offgrid_tui.ui.overlays.help import Help
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.themes import MEANINGS, build_theme, load_themes
from tests.support.scripted import Script, crashed
from tests.ui.desk import Desk, open_desk

OURS = sorted(path.stem for path in resource("themes").glob("*.toml"))
AA = 4.5  # WCAG 2.2, 1.4.3, for text of normal size
LINES = set("▏▎▍▌▋▊▉█▐▕─│╭╮╰╯━┃▁▂▃▄▅▆▇▔◀▶")  # drawn, not read

ANSWER = """Some *soft* and **loud** words, `code`, a [link](https://example.org) and ~~none~~.

# A heading

> A quotation.

1. First
   - second

```python
@decorated
def f(x: int = 7) -> str:  # a comment
    return "text" if x is None else None
```

| a | b |
| --- | --- |
| 1 | 2 |

---
"""


def colors() -> dict[str, str]:
    table = tomllib.loads((resource("themes") / "dark.toml").read_text())
    return dict(table["colors"])


def test_the_four_are_there_and_valid() -> None:
    found = load_themes([resource("themes")])
    assert found.problems == ()
    assert {"dark", "light", "high-contrast", "ansi"} <= set(found.themes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"accent": "#12345"}, "accent = '#12345' is not a colour"),
        ({"accent": "vermillion-ish"}, "accent = 'vermillion-ish' is not a colour"),
        ({"accent": "#ffffff80"}, "transparent"),
        ({"accent": "ansi_cyan"}, "ansi = true"),
        ({"accent": 7}, "colour 'accent' is missing"),
        ({"acent": "#ffffff"}, "unknown colour 'acent'"),
    ],
)
def test_a_bad_colour_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build_theme("mine", {"colors": colors() | change})


@pytest.mark.parametrize("missing", MEANINGS)
def test_a_missing_colour_is_named(missing: str) -> None:
    table = colors()
    del table[missing]
    with pytest.raises(ValueError, match=f"colour '{missing}' is missing"):
        build_theme("mine", {"colors": table})


async def test_a_theme_of_the_users_own(home: Paths) -> None:
    folder = home.config / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text((resource("themes") / "dark.toml").read_text().replace("#5fc8b7", "#ff00ff"))
    async with open_desk(home, theme="mine") as desk:
        assert desk.app.theme == "mine"
        assert desk.app.current_theme.accent == "#ff00ff"
        assert desk.toasts() == []


@pytest.mark.parametrize("text", ["dark = maybe", "[colors]\naccent = '#zzzzzz'", "\x00", "[colors]"])
async def test_a_broken_theme_falls_back_and_is_named(home: Paths, text: str) -> None:
    folder = home.config / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(text)
    async with open_desk(home, theme="mine") as desk:
        assert desk.app.theme == "dark"
        assert any("mine.toml" in toast for toast in desk.toasts())
        assert any("There is no theme 'mine'" in toast for toast in desk.toasts())


@pytest.mark.parametrize("theme", OURS)
@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_every_text_that_is_drawn_can_be_read(home: Paths, theme: str, size: tuple[int, int]) -> None:
    """Walks through the app and checks the colours of every character it really draws."""
    script = [Script(ANSWER, thinking="Hm."), Script("It ends.", fails=crashed(), fails_after=1), "Third."]
    async with open_desk(home, script, size=size, theme=theme) as desk:
        _check(desk)
        await desk.ask("Show me everything.")
        await desk.pilot.press("escape", "t", "home")
        _check(desk)
        for _ in range(6):
            await desk.pilot.press("k")
            await desk.pilot.pause()
            _check(desk)
        await desk.ask("And fail.")
        _check(desk)
        await desk.pilot.press("f1")
        await desk.until(lambda: isinstance(desk.app.screen, Help), "the help")
        _check(desk)
        await desk.pilot.press("escape", "ctrl+p", "down")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the palette")
        _check(desk)
        await desk.pilot.press("escape", "ctrl+g")
        await desk.pilot.pause()
        _check(desk)
        await desk.pilot.press("escape")
        desk.app.notify("A toast", title="Title", severity="error")
        desk.app.notify("A toast", title="Title", severity="warning")
        await desk.until(lambda: desk.shows("A toast"), "the toast")
        _check(desk)


def _check(desk: Desk) -> None:
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


def test_the_tree_holds_no_colour_outside_the_themes() -> None:
    for sheet in Path("offgrid_tui/ui").rglob("*.tcss"):
        text = sheet.read_text()
        assert "rgb(" not in text and "#0" not in text and "#f" not in text, sheet
