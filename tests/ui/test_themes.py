"""Themes: checked when they are read, readable when they are used."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from offgrid_tui.system.resources import resource
from offgrid_tui.ui.overlays.help import Help
from offgrid_tui.ui.overlays.picker import Picker
from offgrid_tui.ui.themes import MEANINGS, build_theme, load_themes
from tests.support.scripted import Script, crashed
from tests.ui.desk import open_desk
from tests.ui.readable import assert_readable

OURS = sorted(path.stem for path in resource("themes").glob("*.toml"))

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
        assert_readable(desk)
        await desk.ask("Show me everything.")
        await desk.pilot.press("escape", "t", "home")
        assert_readable(desk)
        for _ in range(6):
            await desk.pilot.press("k")
            await desk.pilot.pause()
            assert_readable(desk)
        await desk.ask("And fail.")
        assert_readable(desk)
        await desk.pilot.press("f1")
        await desk.until(lambda: isinstance(desk.app.screen, Help), "the help")
        assert_readable(desk)
        await desk.pilot.press("escape", "ctrl+p", "down")
        await desk.until(lambda: isinstance(desk.app.screen, Picker), "the palette")
        assert_readable(desk)
        await desk.pilot.press("escape", "ctrl+g")
        await desk.pilot.pause()
        assert_readable(desk)
        await desk.pilot.press("escape")
        desk.app.notify("A toast", title="Title", severity="error")
        desk.app.notify("A toast", title="Title", severity="warning")
        await desk.until(lambda: desk.shows("A toast"), "the toast")
        assert_readable(desk)


def test_the_tree_holds_no_colour_outside_the_themes() -> None:
    for sheet in Path("offgrid_tui/ui").rglob("*.tcss"):
        text = sheet.read_text()
        assert "rgb(" not in text and "#0" not in text and "#f" not in text, sheet
