"""A fresh machine, a real terminal, the guide: from the first key to coming back after a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from offgrid_tui.system.paths import Paths
from tests.tmux.terminal import Terminal
from tests.tmux.test_in_tmux import SIZES, turns


@pytest.mark.parametrize("size", SIZES)
def test_the_first_chat_needs_no_download(
    terminal: Callable[..., Terminal], home: Paths, size: tuple[int, int]
) -> None:
    t = terminal(size)
    t.offgrid()
    t.until_shown("goes on with Pocket, the guide inside OffGrid")
    t.press("Escape")
    t.until(lambda: "goes on with" not in t.screen(), "the welcome gone")
    t.until_shown("I am Pocket, the guide inside OffGrid")
    t.type("Which key opens the palette?")
    t.press("Enter")
    t.until(lambda: len(turns(home)) == 2 and turns(home)[1]["state"] == "complete", "an answer")
    answer = turns(home)[1]["content"]
    assert "ctrl+p" in answer
    t.until_shown("get a real model", "guide idle")
    program = t.program()
    assert program is not None
    os.kill(program, signal.SIGKILL)
    t.until(lambda: t.program() is None, "that it died")
    t.run("reset")
    t.offgrid()
    t.until_shown("Which key opens the palette?", "ctrl+p")
