"""FileLock between real processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.system.locks import FileLock

_HOLDER = """
import sys
from pathlib import Path
from offgrid_tui.system.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""

_COUNTER = """
import sys
from pathlib import Path
from offgrid_tui.system.locks import FileLock
folder = Path(sys.argv[1])
for _ in range(50):
    with FileLock(folder / "lock", timeout=60):
        count = int((folder / "count").read_text())
        (folder / "count").write_text(str(count + 1))
"""


def _hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def _say(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.write("\n")
    holder.stdin.flush()


def test_held_and_let_go(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "deep" / "lock")
    assert lock.holder() is None
    with lock:
        assert lock.held
        assert lock.holder() == os.getpid()
        assert lock.try_acquire()  # by the same object: nothing to be done
        assert not FileLock(lock.path).try_acquire()
    assert not lock.held
    assert lock.holder() is None
    assert FileLock(lock.path).try_acquire()
    assert lock.path.stat().st_mode & 0o777 == 0o600


def test_another_process_is_named_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = _hold(path)
    lock = FileLock(path, what="the \x1b[31mconfiguration")
    assert not lock.try_acquire()
    assert lock.holder() == holder.pid
    with pytest.raises(BusyError) as caught:
        lock.acquire(timeout=0.2)
    assert str(holder.pid) in caught.value.detail
    assert "\x1b" not in str(caught.value)
    _say(holder)
    lock.acquire(timeout=60)
    assert lock.holder() == os.getpid()
    lock.release()
    _say(holder)
    holder.communicate()


def test_kill_9_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = _hold(path)
    holder.kill()
    holder.communicate()
    lock = FileLock(path)
    assert lock.holder() is None  # its name still stands in the file, but it is gone
    lock.acquire(timeout=60)
    lock.release()


def test_a_removed_file_does_not_give_the_lock_twice(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = FileLock(path)
    first.acquire()
    path.unlink()
    second = FileLock(path)
    assert second.try_acquire()  # another file now; its holders exclude each other
    third = FileLock(path)
    assert not third.try_acquire()
    first.release()
    assert not third.try_acquire()


def test_a_file_removed_while_it_is_locked_is_locked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real, removed = tmp_path / "lock", fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:  # between open and flock, once: what a process that cleans up may do
            path.unlink()
            removed.append(path)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = FileLock(path)
    assert lock.try_acquire()
    assert removed
    assert not FileLock(path).try_acquire()
    assert lock.holder() == os.getpid()
    lock.release()


def test_children_do_not_inherit_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    lock.acquire()
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    lock.release()
    assert FileLock(lock.path).try_acquire()
    child.kill()
    child.wait()


def test_excludes_for_real(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    counters = [subprocess.Popen([sys.executable, "-c", _COUNTER, tmp_path]) for _ in range(4)]
    assert [counter.wait(timeout=120) for counter in counters] == [0, 0, 0, 0]
    assert (tmp_path / "count").read_text() == "200"
