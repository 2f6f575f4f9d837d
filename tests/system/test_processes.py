"""Naming, starting and ending real processes."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offgrid_tui.system.identity import ProcessName, _started_elsewhere, is_alive, name_process
from offgrid_tui.system.processes import describe_exit, end_child, spawn_detached

_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
)


def _until(true: object, deadline: float = 60.0) -> None:
    assert callable(true)
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_name_survives_being_written() -> None:
    name = name_process()
    assert name is not None
    assert name.pid == os.getpid()
    assert ProcessName.parse(str(name)) == name
    assert is_alive(name)
    assert is_alive(str(name))


@pytest.mark.parametrize("text", ["", "x", "a/b/c", "//", "boot/12x/7", "1/2"])
def test_garbage_is_no_name(text: str) -> None:
    assert ProcessName.parse(text) is None
    assert not is_alive(text)


def test_an_ended_process_is_gone_even_as_a_zombie() -> None:
    child = subprocess.Popen(["sleep", "60"])
    name = name_process(child.pid)
    assert name is not None
    assert is_alive(name)
    child.kill()
    _until(lambda: not is_alive(name))
    assert Path(f"/proc/{child.pid}").exists()  # nobody has reaped it yet: a zombie
    child.wait()
    assert not is_alive(name)


def test_a_number_used_again_is_another_process() -> None:
    name = name_process()
    assert name is not None
    assert not is_alive(dataclasses.replace(name, started="1"))
    assert not is_alive(dataclasses.replace(name, scope="another boot"))


def test_without_proc_processes_have_start_times_too() -> None:
    child = subprocess.Popen(["sleep", "60"])
    started = _started_elsewhere(child.pid)
    assert started == _started_elsewhere(child.pid)
    assert started is not None
    child.kill()
    _until(lambda: _started_elsewhere(child.pid) is None)  # a zombie is none
    child.wait()
    assert _started_elsewhere(child.pid) is None


def test_a_program_whose_name_looks_like_fields(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 ("
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    _until(lambda: b"a) Z" in Path(f"/proc/{child.pid}/stat").read_bytes())
    name = name_process(child.pid)
    assert name is not None
    assert name.started.isdigit()
    assert is_alive(name)
    child.kill()
    child.wait()


def test_detached_has_its_own_session_and_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "host.log"
    script = "import os, sys; print(os.getsid(0), os.getpid(), repr(sys.stdin.read())); os.write(2, b'warned\\n')"
    child = spawn_detached([sys.executable, "-c", script], log=log, env={**os.environ, "X": "1"}, cwd=tmp_path)
    assert child.wait(timeout=60) == 0
    session, pid, read, warned = log.read_text().split()
    assert session == pid == str(child.pid)
    assert read == "''"
    assert warned == "warned"
    assert log.stat().st_mode & 0o777 == 0o600


def test_ending_a_child_that_goes_when_asked() -> None:
    assert end_child(subprocess.Popen(["sleep", "60"]), grace=60) == -signal.SIGTERM


def test_ending_a_child_that_does_not_listen() -> None:
    child = subprocess.Popen([sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    assert end_child(child, grace=0.1) == -signal.SIGKILL
    child.stdout.close()


def test_ending_a_child_that_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    child.wait()
    assert end_child(child) == 3


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited normally"),
        (3, "exited with status 3"),
        (-signal.SIGSEGV, "killed by SIGSEGV (Segmentation fault)"),
        (-signal.SIGKILL, "killed by SIGKILL (Killed)"),
        (-250, "killed by signal 250"),
    ],
)
def test_an_exit_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words
