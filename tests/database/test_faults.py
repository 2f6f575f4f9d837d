"""Damaged files, full disks, read-only folders, network filesystems: a typed error each, and nothing lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from offgrid_tui.database import database as database_module
from offgrid_tui.database.database import Database
from offgrid_tui.database.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseFailed,
    DatabaseFull,
    translate,
)
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.system.filesystem import Filesystem


def _fill(path: Path, rows: int = 300) -> None:
    database = Database.open(path)
    database.write_now(lambda c: [put_state(c, f"key {n}", "x" * 500) for n in range(rows)])
    database.close_now()


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "contents",
    [b"this is a text file, and rather a short one\n" * 100, b"\x00" * 5000, random.Random(1).randbytes(9000)],
    ids=["text", "zeros", "noise"],
)
def test_what_is_no_database_is_left_as_it_is(path: Path, contents: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(contents)
    with pytest.raises(DatabaseDamaged) as caught:
        Database.open(path)
    assert path.read_bytes() == contents
    assert caught.value.exit_code == ExitCode.DAMAGED
    assert str(path) in caught.value.detail
    assert ".recover" in caught.value.mend


def test_another_programs_database_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE recipes (name)")
    other.close()
    with pytest.raises(DatabaseDamaged, match="another program"):
        Database.open(path)
    other = apsw.Connection(str(path))
    assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


def test_a_truncated_file_is_seen_when_it_is_opened(path: Path) -> None:
    _fill(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatabaseDamaged):
        Database.open(path)
    assert path.read_bytes() == data[: len(data) // 2]


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    Database.open(path).close_now()
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_random_damage_gives_errors_of_the_house_only(path: Path) -> None:
    """Pages overwritten anywhere: each use works, or says that the file is damaged."""
    _fill(path)
    whole = path.read_bytes()
    rng = random.Random(5)
    damaged = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 8)):
            at = rng.randrange(len(data))
            data[at : at + 64] = rng.randbytes(64)
        path.write_bytes(data)
        for rest in path.parent.glob("offgrid.db-*"):
            rest.unlink()
        try:
            database = Database.open(path)
        except OffGridError as error:
            damaged += isinstance(error, DatabaseDamaged)
            continue
        try:
            database.read_now(lambda c: c.execute("SELECT * FROM state").fetchall())
            database.write_now(lambda c: put_state(c, "after", 1))
        except DatabaseDamaged:
            damaged += 1
        finally:
            database.close_now()
    assert damaged > 10


async def test_a_check_finds_what_no_query_met(path: Path) -> None:
    _fill(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    database = Database.open(path)
    assert await database.check()
    await database.close()


# ── no space ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_takes_the_write_back_whole(path: Path) -> None:
    _fill(path)
    database = Database.open(path)
    database.read_now(lambda c: c.pragma("max_page_count", c.pragma("page_count") + 3))
    with pytest.raises(DatabaseFull, match="disk is full"):
        database.write_now(lambda c: [put_state(c, f"more {n}", "y" * 4000) for n in range(500)])
    assert database.read_now(lambda c: c.execute("SELECT count(*) FROM state").get) == 300
    database.write_now(lambda c: put_state(c, "key 1", "short"))  # what needs no space works
    database.read_now(lambda c: c.pragma("max_page_count", 2**30))
    database.write_now(lambda c: [put_state(c, f"more {n}", "y" * 4000) for n in range(500)])  # space was freed
    database.close_now()


_LIMITED = """
import resource, sys
from pathlib import Path
from offgrid_tui.database.database import Database
from offgrid_tui.database.state import put_state
from offgrid_tui.foundation.errors import OffGridError
database = Database.open(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
written = 0
try:
    for n in range(1000):
        database.write_now(lambda c: put_state(c, f"limited {n}", "z" * 4000))
        written += 1
except OffGridError as error:
    print(type(error).__name__, written)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
database.write_now(lambda c: put_state(c, "again", 1))
database.close_now()
"""


def test_a_quota_keeps_all_that_was_committed(path: Path) -> None:
    """A real EFBIG from the kernel in the middle of writing, then space again, in the same process."""
    done = subprocess.run([sys.executable, "-c", _LIMITED, path], capture_output=True, text=True, check=True)
    name, written = done.stdout.split()
    assert name == "DatabaseFull"
    database = Database.open(path)
    assert database.read_now(lambda c: c.execute("SELECT count(*) FROM state").get) == int(written) + 1
    assert int(written) > 10
    database.close_now()


# ── no permission ────────────────────────────────────────────────────────────────────────────────────────────────────

_UNPRIVILEGED = """
import os, sys
from pathlib import Path
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import OffGridError
import encodings.idna, traceback
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Database.open(Path(sys.argv[1]))
except OffGridError as error:
    print(type(error).__name__, int(error.exit_code))
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that another user may pass through; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o700)


@pytest.mark.parametrize("what", ["file", "folder", "no folder"])
def test_read_only_is_said(public: Path, what: str) -> None:
    path = public / "data" / "offgrid.db"
    if what != "no folder":
        _fill(path, rows=1)
        path.parent.chmod(0o777 if what == "file" else 0o555)
        path.chmod(0o444 if what == "file" else 0o666)
    else:
        public.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", _UNPRIVILEGED, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["DatabaseReadOnly", str(int(ExitCode.REFUSED))]


def test_something_else_in_the_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(DatabaseFailed, match="directory"):
        Database.open(path)
    with pytest.raises(DatabaseFailed, match="File exists"):
        Database.open(Path("/dev/null/offgrid.db"))


def test_a_name_that_sqlite_cannot_have(tmp_path: Path) -> None:
    with pytest.raises(DatabaseFailed, match="not UTF-8"):
        Database.open(tmp_path / os.fsdecode(b"\xff") / "offgrid.db")


# ── another filesystem, another process ──────────────────────────────────────────────────────────────────────────────


def test_a_network_filesystem_gets_a_rollback_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(path)  # as WAL, on a local disk; then the home moves
    nfs = Filesystem("nfs4", Path("/"), "server:/export")
    monkeypatch.setattr(database_module, "filesystem_of", lambda _: nfs)
    database = Database.open(path)
    assert database.journal == "delete"
    assert database.filesystem.is_network
    database.write_now(lambda c: put_state(c, "k", 1))
    assert [f.name for f in path.parent.iterdir()] == ["offgrid.db"]
    assert database.read_now(lambda c: get_state(c, "key 299")) == "x" * 500
    database.close_now()


def test_a_lock_that_stays_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(path)
    database = Database.open(path)
    database._connection.set_busy_timeout(100)  # ten seconds otherwise
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy) as caught:
        database.write_now(lambda c: put_state(c, "k", 1))
    assert caught.value.exit_code == ExitCode.BUSY
    assert database.read_now(lambda c: get_state(c, "key 1")) == "x" * 500  # readers don't wait for a writer
    other.execute("ROLLBACK")
    database.write_now(lambda c: put_state(c, "k", 1))
    database.close_now()
    other.close()


_OPENER = """
import sys
from pathlib import Path
from offgrid_tui.database import database as module
from offgrid_tui.system.filesystem import Filesystem
module.filesystem_of = lambda path: Filesystem(sys.argv[2], Path("/"), "")
print("up", flush=True)
print(module.Database.open(Path(sys.argv[1])).journal)
"""


@pytest.mark.parametrize(("kind", "journal"), [("ext4", "wal"), ("nfs4", "delete")])
def test_a_lock_while_opening_is_waited_for(path: Path, kind: str, journal: str) -> None:
    """Into WAL needs a lock; out of it needs the file alone, and for that SQLite does not wait by itself."""
    path.parent.mkdir()
    other = apsw.Connection(str(path))
    if kind == "nfs4":
        other.pragma("journal_mode", "wal")
        other.execute("PRAGMA user_version = 1")
    else:
        other.execute("BEGIN EXCLUSIVE")
    opener = subprocess.Popen([sys.executable, "-c", _OPENER, path, kind], stdout=subprocess.PIPE, text=True)
    assert opener.stdout is not None
    assert opener.stdout.readline() == "up\n"
    with pytest.raises(subprocess.TimeoutExpired):
        opener.wait(timeout=0.5)
    other.close()
    assert opener.communicate(timeout=60)[0] == f"{journal}\n"


def test_a_fault_in_a_statement_is_not_the_disks() -> None:
    assert translate(apsw.SQLError("no such table"), Path("x")) is None
    assert translate(apsw.ConstraintError("not null"), Path("x")) is None
    io = apsw.IOError("disk I/O error")
    assert isinstance(translate(io, Path("x"), 28), DatabaseFull)
    assert isinstance(translate(io, Path("x"), 5), DatabaseFailed)
