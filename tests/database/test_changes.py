"""The change log: what others did, once, and never one's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import apsw

from offgrid_tui.database import changes
from offgrid_tui.database.changes import Change, record_change
from offgrid_tui.database.database import Database

_OTHER = """
import sys
from pathlib import Path
from offgrid_tui.database.changes import record_change
from offgrid_tui.database.database import Database
database = Database.open(Path(sys.argv[1]))
for line in sys.stdin:
    topic, key = line.split()
    database.write_now(lambda c: record_change(c, topic, key))
database.close_now()
"""


class Follower:
    """Collects what `follow` yields, until something is there."""

    def __init__(self, database: Database, *topics: str) -> None:
        self.seen: list[tuple[str, str]] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run(database, topics))

    async def _run(self, database: Database, topics: tuple[str, ...]) -> None:
        async for change in database.follow(topics, interval=0.02):
            self.seen.append((change.topic, change.key))
            self._changed.set()

    async def until(self, count: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(60):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.seen

    async def ended(self) -> None:
        async with asyncio.timeout(60):
            await self._task


async def test_another_process_is_followed(database: Database, path: Path) -> None:
    follower = Follower(database, "conversation", "state")
    other = subprocess.Popen([sys.executable, "-c", _OTHER, path], stdin=subprocess.PIPE, text=True)
    assert other.stdin is not None
    for line, count in (("conversation c1", 1), ("other x", 1), ("state model", 2), ("conversation c1", 3)):
        await database.write(lambda c: record_change(c, "conversation", "mine"))
        other.stdin.write(line + "\n")
        other.stdin.flush()
        await follower.until(count)
    other.stdin.close()
    assert other.wait(timeout=60) == 0
    assert follower.seen == [("conversation", "c1"), ("state", "model"), ("conversation", "c1")]
    await database.close()
    await follower.ended()


async def test_nothing_is_missed_between_opening_and_following(database: Database, path: Path) -> None:
    other = Database.open(path)
    await other.write(lambda c: record_change(c, "a", "early"))
    follower = Follower(database, "a")
    assert await follower.until(1) == [("a", "early")]
    await other.close()
    await database.close()
    await follower.ended()


async def test_what_is_taken_back_was_never_changed(database: Database, path: Path) -> None:
    other = Database.open(path)

    def half(connection: apsw.Connection) -> None:
        record_change(connection, "a", "lost")
        raise ZeroDivisionError

    follower = Follower(database, "a")
    await asyncio.gather(other.write(half), return_exceptions=True)
    await other.write(lambda c: record_change(c, "a", "kept"))
    assert await follower.until(1) == [("a", "kept")]
    await other.close()
    await database.close()
    await follower.ended()


async def test_several_changes_of_a_key_come_as_one(database: Database, path: Path) -> None:
    other = Database.open(path)
    for key in ("x", "y", "x", "x"):
        await other.write(lambda c, key=key: record_change(c, "a", key))
    newest, found = await database.read(lambda c: changes.changes_since(c, 0, ["a"], "nobody"))
    assert newest == 4
    assert found == [Change(2, "a", "y"), Change(4, "a", "x")]
    await other.close()


async def test_the_log_is_trimmed_and_a_sleeper_is_told(database: Database, path: Path) -> None:
    other = Database.open(path)

    def many(connection: apsw.Connection) -> None:
        for number in range(7000):
            record_change(connection, "a", str(number))

    await other.write(many)
    rows = await database.read(lambda c: c.execute("SELECT count(*), min(seq), max(seq) FROM changes").fetchall())
    assert rows == [(5000, 2001, 7000)]
    follower = Follower(database, "a", "b")
    assert await follower.until(2) == [("a", ""), ("b", "")]  # anything may have changed: look at all of it
    await other.write(lambda c: record_change(c, "b", "new"))
    assert (await follower.until(3))[2] == ("b", "new")
    await other.close()
    await database.close()
    await follower.ended()


async def test_a_cancelled_follower_leaves_the_database_working(database: Database) -> None:
    async def follow() -> None:
        async for _ in database.follow(["a"], interval=0.001):
            pass

    for _ in range(50):
        task = asyncio.create_task(follow())
        await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await database.write(lambda c: record_change(c, "a", "k"))
    assert await database.check() == []
