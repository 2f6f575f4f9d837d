"""`offgrid doctor` and `offgrid info` as a user meets them: on a terminal, in a pipe, as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from tests.support.engine import engine_python

ROOT = Path(__file__).resolve().parent.parent.parent
OFFGRID = [sys.executable, "-m", "offgrid_tui"]


@pytest.fixture(autouse=True)
def engine(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", engine_python())
    for name in ("NO_COLOR", "TMUX", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LANG", "C.UTF-8")


def offgrid(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*OFFGRID, *words], cwd=ROOT, capture_output=True, text=True, timeout=120)


def on_a_terminal(columns: int, *words: str) -> str:
    """What the command writes to a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([*OFFGRID, *words], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the last process has closed the terminal
            break
        if not piece:
            break
        shown += piece
    process.wait(60)
    os.close(master)
    return shown.decode().replace("\r\n", "\n")


def test_doctor_in_a_pipe_is_plain_and_aligned() -> None:
    done = offgrid("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, summary = done.stdout.splitlines()
    assert all(re.match(r"(ok  |warn|fail)  \w[\w ]{9} \S|                 ->? ?\S", line) for line in lines), lines
    assert "\x1b" not in done.stdout
    assert re.match(r"\d+ ok", summary)


def test_doctor_on_a_terminal_keeps_inside_it() -> None:
    shown = on_a_terminal(60, "doctor")
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    assert "\x1b[32mok  \x1b[0m" in shown
    assert re.search(r"warn  terminal   60x24", plain)
    assert [line for line in plain.splitlines() if len(line) >= 60] == []


def test_no_color_leaves_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_a_terminal(100, "doctor")
    assert "\x1b" not in shown
    assert "ok    python" in shown


def test_doctor_fails_when_something_does(home: Paths) -> None:
    home.data.mkdir(parents=True)
    home.database.write_bytes(b"no database at all" * 1000)
    done = offgrid("doctor", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    (found,) = [check for check in report["checks"] if check["name"] == "database"]
    assert found["level"] == "fail"
    assert found["mend"]
    assert {check["level"] for check in report["checks"]} <= {"ok", "warn", "fail"}


def test_info_is_ten_aligned_lines() -> None:
    done = offgrid("info")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert all(re.match(r"[a-z]+ +\S", line) and line[10] == " " and line[11] != " " for line in lines)
    assert [line.split()[0] for line in lines] == (
        ["offgrid", "system", "processor", "features", "memory", "limit", "budget", "gpu", "disk", "engine"]
    )


def test_info_as_json_agrees_with_the_machine() -> None:
    value = json.loads(offgrid("info", "--json").stdout)
    assert value["cpu"]["logical"] == os.cpu_count()
    assert value["memory"]["total"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < value["budget"]["share"] < value["memory"]["total"]
    assert value["engine"]["python"] == engine_python()


@pytest.mark.parametrize("command", ["doctor", "info"])
def test_neither_loads_what_it_does_not_need(command: str) -> None:
    code = (
        "import sys\nfrom offgrid_tui.cli.main import run\nrun(sys.argv[1:])\n"
        "print('loaded', *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code, command], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert not loaded & {"textual", "rich", "huggingface_hub", "llama_cpp", "numpy", "psutil", "pynvml"}
