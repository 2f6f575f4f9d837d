"""What others wrote: shown as text, and as nothing but text."""

from __future__ import annotations

from pathlib import Path

import pytest

from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.text import clean
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.chat.turns import AnswerTurn
from offgrid_tui.ui.overlays.picker import Picker
from tests.support.scripted import Script
from tests.ui.desk import Desk, open_desk

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b]0;title\x07 \x9b31m \u202egpj.exe \u2066x\u2069 \x08\x7f\x00"
MARKUP = "[red]not red[/red] [/] [unbalanced [@click=app.quit]quit[/]"
ENTITIES = "&#27;[31m &#x1b;[2J &#x9b;1m &#x202e;txt &#x2066;x &lsquo;kept&rsquo;"


def assert_harmless(desk: Desk) -> None:
    """No character that a terminal would obey reaches a line of the screen."""
    for line in desk.lines():
        assert clean(line) == line, ascii(line)
        assert "\x1b" not in line


@pytest.mark.parametrize("text", [EVIL, MARKUP, ENTITIES, f"```\n{EVIL}\n```", f"| a |\n|---|\n| {EVIL}{MARKUP} |"])
async def test_an_answer_cannot_command_the_terminal(home: Paths, text: str) -> None:
    async with open_desk(home, Script(f"before {text} after", thinking=f"{EVIL}{MARKUP}", name=f"Evil{EVIL}")) as desk:
        await desk.ask(f"{EVIL}{MARKUP}")
        await desk.pilot.press("escape", "t")
        await desk.until(lambda: desk.shows("before"), "the answer")
        assert_harmless(desk)
        await desk.pilot.press("ctrl+p")
        await desk.pilot.press("escape", "ctrl+g")
        await desk.pilot.pause()
        assert_harmless(desk)


async def test_an_error_cannot_command_the_terminal(home: Paths) -> None:
    error = EngineError(ErrorCode.LOAD_FAILED, f"Bad {EVIL}{MARKUP}", detail=f"{MARKUP}{EVIL}", mend=f"{EVIL}mend")
    async with open_desk(home, Script("text", fails=error, fails_after=0)) as desk:
        await desk.ask()
        desk.app.notify_error(error)
        await desk.until(lambda: desk.shows("[red]not red[/red]"), "the markup as text")
        assert_harmless(desk)


async def test_a_file_name_cannot_command_the_terminal(home: Paths) -> None:
    home.models.mkdir(parents=True)
    evil = home.models / "evil\x1b]52;c;eA==\x07\u202e[red]\x9b.gguf"
    evil.write_bytes(b"GGUF")
    async with open_desk(home, model=str(evil)) as desk:
        assert_harmless(desk)
        await desk.pilot.press("ctrl+o")
        await desk.until(lambda: isinstance(desk.app.screen, Picker) and desk.shows("[red]"), "the file")
        assert_harmless(desk)
        await desk.pilot.press(*f"{home.models}/")
        await desk.until(lambda: desk.shows("4 B"), "the folder's listing")
        assert_harmless(desk)


async def test_html_and_pictures_are_shown_as_text(home: Paths) -> None:
    text = 'A <b>bold</b> <script>x</script>\n\n<div onclick="x">block</div>\n\n![alt](http://tracker/x.png)'
    async with open_desk(home, text) as desk:
        await desk.ask()
        for part in ("<b>bold</b>", "<script>x</script>", '<div onclick="x">block</div>', "alt"):
            assert desk.shows(part)
        assert not any("🖼" in line for line in desk.lines())


async def test_a_link_is_copied_and_never_opened(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url, *a, **k: opened.append(url))
    async with open_desk(home, "See [this](https://example.org/a?b=c).") as desk:
        await desk.ask()
        await desk.pilot.click(desk.transcript.query_one(AnswerTurn), offset=(7, 1))
        await desk.until(lambda: desk.toasts(), "a toast")
        assert "25 characters" in desk.toasts()[0]
        assert opened == []


async def test_a_message_is_written_to_a_file(home: Paths) -> None:
    async with open_desk(home, "The **answer**.") as desk:
        await desk.ask("../../etc/passwd \x1b")
        await desk.pilot.press("escape", "k", "w")
        await desk.until(lambda: any("Written to" in toast for toast in desk.toasts()), "the toast")
        files = list(Path(home.data / "exports").iterdir())
        assert [file.read_text() for file in files] == ["The **answer**.\n"]
        assert files[0].name.startswith("etc-passwd-")


async def test_the_code_block_under_the_cursor_is_copied(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with open_desk(home, "Before.\n\n```python\nprint(1)\n```\n\nAfter.") as desk:
        await desk.ask()
        await desk.pilot.press("escape", "k", "y")  # the answer
        await desk.until(lambda: desk.toasts(), "a toast")
        assert "Sent 39 characters" in desk.toasts()[0]
        await desk.pilot.press("j", "y")  # the code in it
        await desk.until(lambda: len(desk.toasts()) == 2, "another toast")
        assert "Sent 8 characters" in desk.toasts()[1]
        await desk.pilot.press("k", "k", "y")  # the question
        await desk.until(lambda: len(desk.toasts()) == 3, "a third toast")
        assert "Sent 4 characters" in desk.toasts()[2]
