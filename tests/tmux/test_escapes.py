"""No model, file or error can command the terminal: every byte that was written to it is looked at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from offgrid_tui.system.paths import Paths
from tests.support.models import reciter_model
from tests.tmux.terminal import Terminal

MARKS = {
    "OSC 52": "\x1b]52;c;b2ZmZ3JpZA==\x07",
    "OSC 52 in C1": "\x9d52;c;b2ZmZ3JpZA==\x9c",
    "title": "\x1b]2;stolen-title\x1b\\",
    "device attributes": "\x1b[>0q",
    "screen": "\x1b[31;5m\x9b2J",
    "bidi": "\u202e\u2066\u2069\u200f",
    "entity": "&#27;[35m &#x202e;",
    "bell": "\x07\x08\x7f\x0e",
}
EVIL = "".join(MARKS.values())
FORBIDDEN = ["b2ZmZ3JpZA==\x07", "\x1b]52", "\x1b]2;stolen", "\x1b[>0q", "\x1b[31;5m", "\x1b[35m"]


def assert_nothing_got_out(t: Terminal) -> None:
    """No sequence of ours that a stranger wrote, no C1 control, no bidi control."""
    raw = t.written.read_bytes()
    assert len(raw) > 2000
    text = raw.decode("utf-8", "surrogateescape")
    for sequence in FORBIDDEN:
        assert sequence not in text, ascii(sequence)
    assert not re.search("[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x7f\x0e]", text)


def test_escapes_never_reach_the_terminal(terminal: Callable[..., Terminal], home: Paths, tmp_path: Path) -> None:
    answer = (
        f"Begin {EVIL} `{EVIL}` [link]({EVIL})\n\n```sh{EVIL}\n{EVIL}\n```\n\n| {EVIL} |\n| --- |\n| {EVIL} |\n\nEnd."
    )
    model = reciter_model(tmp_path, answer, thinking=f"Thinking {EVIL}", name="evil")
    home.models.mkdir(parents=True)
    named = home.models / f"evil{EVIL.replace('/', '')}.gguf"
    shutil.copyfile(model, named)
    broken = home.models / f"broken{EVIL}.gguf"
    broken.write_bytes(b"not a model")

    t = terminal((100, 30))
    t.offgrid("--model", unquoted=f"{home.models}/evil*.gguf")
    t.type("Say it.")
    t.press("Enter")
    t.until_shown("Begin", "End.", "idle")
    t.leave_input()
    t.type("t")  # unfold what it thought
    t.until_shown("▾ thought", "Thinking")
    t.press("C-o")
    t.until_shown("Open a model", "broken")
    t.type("broken")
    t.press("Enter")
    t.until(lambda: not t.shows("Open a model"), "the chat")
    t.press("i")
    t.until_shown("enter Send")
    t.type("Say it again.")
    t.press("Enter")
    t.until_shown("failed")
    t.press("C-q")
    t.until_shown("left with 0")
    assert_nothing_got_out(t)
