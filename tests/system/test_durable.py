"""atomic_write: the old contents or the new, never a part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from offgrid_tui.system.durable import atomic_write

_WRITER = """
import sys
from pathlib import Path
from offgrid_tui.system.durable import atomic_write
target = Path(sys.argv[1])
while True:
    for letter in "ab":
        atomic_write(target, letter * 300_000)
        print(letter, flush=True)
"""

_LIMITED = """
import errno, resource, sys
from pathlib import Path
from offgrid_tui.system.durable import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    atomic_write(Path(sys.argv[1]), "x" * 100_000)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def test_makes_file_and_folders_private(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file"
    atomic_write(target, "grüße\n")
    assert target.read_bytes() == "grüße\n".encode()
    assert target.stat().st_mode & 0o777 == 0o600


def test_keeps_the_mode_of_a_file_that_exists(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    target.chmod(0o640)
    atomic_write(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_follows_a_link_and_leaves_it_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "config.toml"
    real.parent.mkdir()
    real.write_text("old")
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    atomic_write(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert [p.name for p in real.parent.iterdir()] == ["config.toml"]


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    done = subprocess.run([sys.executable, "-c", _LIMITED, target], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "EFBIG"
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError):
        atomic_write(tmp_path / "file", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_kill_9_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "file"
    for round_ in range(10):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, target], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        for _ in range(1 + round_ % 3):
            writer.stdout.readline()
        time.sleep(0.0007 * round_)  # a different moment of the next write in each round; no assertion hangs on it
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        text = target.read_text()
        assert len(text) == 300_000
        assert set(text) in ({"a"}, {"b"})
