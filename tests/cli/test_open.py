"""`offgrid` where it can't open: without a terminal, or with a model that is not there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from offgrid_tui.cli.model_path import model_path
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, RefusedError
from offgrid_tui.system.paths import Paths


def in_terminal(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `offgrid` with a terminal for its input and output, and a pipe for its errors."""
    master, slave = pty.openpty()
    try:
        return subprocess.run(
            [sys.executable, "-m", "offgrid_tui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
        )
    finally:
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize(("stdin", "stdout", "named"), [("pipe", "tty", "input"), ("tty", "pipe", "output")])
def test_without_a_terminal_it_names_what_to_use_instead(home: Paths, stdin: str, stdout: str, named: str) -> None:
    master, slave = pty.openpty()
    result = subprocess.run(
        [sys.executable, "-m", "offgrid_tui"],
        stdin=slave if stdin == "tty" else subprocess.DEVNULL,
        stdout=slave if stdout == "tty" else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(slave)
    os.close(master)
    assert result.returncode == ExitCode.USAGE
    assert f"Standard {named}" in result.stderr and "offgrid ask" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_closed_streams_it_says_so_too(home: Paths) -> None:
    result = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m offgrid_tui <&- >&-"],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert result.returncode == ExitCode.USAGE
    assert "needs a terminal" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_not_move_its_cursor_is_no_place_to_open(home: Paths, term: str) -> None:
    result = in_terminal(env={"TERM": term})
    assert result.returncode == ExitCode.USAGE
    assert "TERM" in result.stderr


def test_a_model_that_is_not_there_is_told_before_anything_is_drawn(home: Paths, tmp_path: Path) -> None:
    (tmp_path / "qwen3-4b-q4_k_m.gguf").write_bytes(b"GGUF" * 1000)
    result = in_terminal("--model", str(tmp_path / "qwen3-4b.gguf"))
    assert result.returncode == ExitCode.NOT_FOUND
    assert "qwen3-4b-q4_k_m.gguf (4 kB)" in result.stderr
    assert not home.database.exists()


def test_a_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_path("m.gguf") == model_path("~/m.gguf") == str(tmp_path / "m.gguf")


def test_the_nearest_names_come_first_and_are_safe(tmp_path: Path) -> None:
    for name in ("mistral-7b.gguf", "llama-3b.gguf", "llama\x1b[2J-8b.gguf", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(NotFoundError) as caught:
        model_path(str(tmp_path / "llama-3.gguf"))
    assert caught.value.detail.startswith("Near it: llama-3b.gguf (1 B)")
    assert "\x1b" not in str(caught.value) and "notes" not in str(caught.value)


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    for i in range(7):
        (tmp_path / f"m{i}.gguf").touch()
    with pytest.raises(NotFoundError, match="is a folder") as caught:
        model_path(str(tmp_path))
    assert caught.value.detail == (
        "In it: m0.gguf (0 B), m1.gguf (0 B), m2.gguf (0 B), m3.gguf (0 B), m4.gguf (0 B) and 2 more"
    )


def test_a_folder_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        model_path(str(tmp_path / "no/such.gguf"))
    assert "no folder" in caught.value.detail
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError) as caught:
        model_path(str(tmp_path / "empty/such.gguf"))
    assert "No .gguf file" in caught.value.detail


def test_what_is_no_file_can_not_be_read(tmp_path: Path) -> None:
    loop = tmp_path / "loop.gguf"
    loop.symlink_to(loop)
    with pytest.raises(RefusedError) as caught:
        model_path(str(loop))
    assert caught.value.mend
