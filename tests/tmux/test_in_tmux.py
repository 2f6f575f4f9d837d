"""The whole program in a real terminal, with the real engine."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import psutil
import pytest

from offgrid_tui.system.paths import Paths
from tests.tmux.terminal import Terminal

Open = Callable[..., Terminal]
SIZES = [(80, 24), (140, 40)]


def turns(home: Paths) -> list[dict[str, Any]]:
    """The turns on disk, oldest first, read beside whoever writes them."""
    connection = apsw.Connection(str(home.database), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)
    try:
        rows = connection.execute("SELECT role, state, content, figures FROM turns ORDER BY created, role DESC")
        return [dict(zip(("role", "state", "content", "figures"), row, strict=True)) for row in rows]
    finally:
        connection.close()


def counted(screen: str) -> int:
    """How far a counting answer is on screen; 0 where none is."""
    body = re.sub(r"^.*?(You|counter)", "", screen, count=1, flags=re.S)
    lines = [line for line in body.splitlines() if re.fullmatch(r"[\s▕│▌▁-█]*(\d+[ \s▁-█]*)+", line)]
    return max((int(n) for line in lines for n in re.findall(r"\d+", line)), default=0)


@pytest.mark.parametrize("size", SIZES)
def test_open_ask_watch_quit_and_come_back(terminal: Open, home: Paths, counter: Path, size: tuple[int, int]) -> None:
    t = terminal(size)
    t.run("echo kept; stty -a | md5sum")
    t.until_shown("kept", " -\n")
    before = t.screen()
    t.offgrid("--model", str(counter))
    t.until_shown("is loaded when you ask")
    t.type("Count, please.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "the answer, while it comes")
    t.until(lambda: re.search(r"answering +\d[\d.]* t/s", t.screen()), "live tokens per second")
    t.until(lambda: "idle" in t.screen(), "the end")
    t.until(lambda: counted(t.screen()) == 1499, "all of the answer")
    t.until(lambda: re.search(r"ctx .*\d+%", t.screen()), "the context gauge")
    [question, answer] = turns(home)
    assert question["content"] == "Count, please." and question["state"] == "complete"
    assert answer["content"].endswith(" 1498 1499") and answer["state"] == "complete"
    assert json.loads(answer["figures"])["completion_tokens"] >= 1499

    t.press("C-q")
    t.until_shown("left with 0")
    assert "kept" in t.screen() and before.splitlines()[1] in t.screen()  # the screen of before is back
    t.run("stty -a | md5sum")
    t.until(lambda: t.screen().count(before.splitlines()[1]) == 2, "the terminal's settings as they were")

    t.offgrid()
    t.until_shown("Count, please.", "1499")
    t.press("C-q")
    t.until(lambda: t.screen().count("left with 0") == 2, "the end")


def test_stop_while_the_engine_starts(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: re.search("waiting|starting|loading", t.screen()), "the engine starting")
    t.press("C-c")
    t.until_shown("stopped, what came is kept")
    assert [turn["state"] for turn in turns(home)] == ["complete", "stopped"]
    t.type("Count now.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "an answer after all")


def test_stop_in_the_prompt(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Warm up.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "a first answer")
    t.press("C-c")
    t.until_shown("stopped, what came is kept")
    t.paste("What do you make of this? " * 200)
    t.press("Enter")
    t.until_shown("reading")
    t.press("C-c")
    t.until(lambda: turns(home)[-1]["state"] == "stopped", "that it was stopped")
    assert turns(home)[-1]["content"] == ""
    t.until_shown("idle")


def test_stop_in_the_answer(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "the answer")
    t.press("C-c")
    t.until_shown("stopped, what came is kept")
    shown = counted(t.screen())
    assert 20 < shown < 1499
    answer = turns(home)[-1]
    assert answer["state"] == "stopped"
    assert abs(int(answer["content"].split()[-1]) - shown) <= 1  # the last number may be half there


def test_a_dropped_terminal_loses_nothing(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "the answer")
    pid, shown = t.program(), counted(t.screen())
    assert pid is not None
    workstation = psutil.Process(pid)
    t.hang_up()
    workstation.wait(timeout=30)
    answer = turns(home)[-1]
    assert answer["state"] == "stopped"
    assert int(answer["content"].split()[-1]) >= shown

    t = terminal()
    t.offgrid()
    t.until_shown("stopped, what came is kept")


def test_killed_in_mid_answer(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "the answer")
    t.until(lambda: turns(home)[-1]["content"], "what is saved of it")
    pid = t.program()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    t.until(lambda: t.program() is None, "its end")
    saved = turns(home)[-1]
    assert saved["state"] == "running" and saved["content"].startswith("1 2 3")
    t.run("reset")
    t.offgrid()
    t.until_shown("stopped, what came is kept")
    assert turns(home)[-1]["content"] == saved["content"]


def test_terminated_it_leaves_in_good_order(terminal: Open, counter: Path) -> None:
    t = terminal()
    t.run("stty -a | md5sum")
    t.until_shown(" -\n")
    before = t.screen()
    t.offgrid("--model", str(counter))
    pid = t.program()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    t.until_shown("left with 143")
    t.run("stty -a | md5sum")
    t.until(lambda: t.screen().count(before.splitlines()[1]) == 2, "the terminal's settings as they were")


def test_a_tiny_terminal_and_a_storm_of_resizes(terminal: Open, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) > 20, "the answer")
    for size in [(20, 5), (10, 3), (200, 60), (1, 1), (40, 10), (101, 24), (99, 24)] * 4:
        t.resize(*size)
    t.press("C-p")
    t.resize(20, 5)
    t.press("Escape", "F1")
    t.resize(80, 24)
    t.press("Escape")
    t.until_shown("f1 Help", "idle")
    t.press("C-q")
    t.until_shown("left with 0")


def test_several_lines_by_both_keys(terminal: Open, home: Paths, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("one")
    t.press("C-j")
    t.type("two")
    t.press("M-Enter")
    t.type("three")
    t.press("Enter")
    t.until_shown("You", "one", "two", "three", "counter  F16")
    assert turns(home)[0]["content"] == "one\ntwo\nthree"


def test_alt_and_a_digit_change_the_screen_while_writing(terminal: Open, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("half a thought")
    t.press("M-1")
    t.until_shown("/ filter")
    t.press("M-3")
    t.until_shown("half a thought")


def test_copying_goes_to_tmux(terminal: Open, counter: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter))
    t.type("Count.")
    t.press("Enter")
    t.until(lambda: counted(t.screen()) == 1499 and "idle" in t.screen(), "the answer")
    t.leave_input()
    t.press("y")
    t.until_shown("to tmux's buffer")
    assert t.tmux("show-buffer") == " ".join(str(n) for n in range(1, 1500))


def test_two_workstations_show_the_same_chats(terminal: Open, counter: Path) -> None:
    one, two = terminal(), terminal((120, 30))
    one.offgrid("--model", str(counter))
    two.offgrid("--model", str(counter))
    one.type("From the first.")
    one.press("Enter")
    two.until_shown("From the first.")


def test_errors_can_be_sent_elsewhere(terminal: Open, counter: Path, tmp_path: Path) -> None:
    t = terminal()
    t.offgrid("--model", str(counter), unquoted=f"2> {tmp_path / 'errors'}")
    t.press("C-q")
    t.until_shown("left with 0")
    assert (tmp_path / "errors").read_text() == ""
