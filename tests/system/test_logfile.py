"""The log of a program that draws on the terminal."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from offgrid_tui.system import logfile

PROGRAM = """
import logging, pathlib, sys
from offgrid_tui.system.logfile import log_to
log_to(pathlib.Path(sys.argv[1]))
log = logging.getLogger("a.part")
log.debug("not this")
log.warning("a name\\x1b[2J with escapes")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("went wrong")
"""


def run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)


def test_lines_go_to_the_file_alone_and_are_safe(tmp_path: Path) -> None:
    path = tmp_path / "state/logs/workstation.log"
    done = run(path)
    assert done.stdout == done.stderr == ""
    text = path.read_text()
    assert "WARNING a.part: a name[2J with escapes" in text
    assert "ZeroDivisionError" in text and "not this" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    run(path)
    assert path.read_text().startswith(text) and path.read_text().count("went wrong") == 2


def test_a_long_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    path.write_bytes(b"x" * (logfile.KEPT + 1))
    run(path)
    assert (tmp_path / "w.log.1").stat().st_size == logfile.KEPT + 1
    assert "went wrong" in path.read_text()


def test_a_folder_that_can_not_be_made_is_no_reason_not_to_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(tmp_path / "file/w.log")
    assert done.stdout == done.stderr == ""
