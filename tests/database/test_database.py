"""Reading and writing from a loop: transactions, snapshots, cancelling, closing."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from pathlib import Path

import apsw
import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.database.errors import DatabaseClosed
from offgrid_tui.database.state import get_state, put_state


def _count(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM state").get)


class Gate:
    """Holds the database's thread inside a function until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, connection: apsw.Connection) -> None:
        self.entered.set()
        assert self.opened.wait(60)

    async def wait_until_held(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 60)


async def test_what_is_written_is_there_after_reopening(path: Path) -> None:
    database = Database.open(path)
    await database.write(lambda c: put_state(c, "model", {"path": "/m.gguf", "n": [1, 2.5, None, "ü"]}))
    await database.close()
    again = Database.open(path)
    assert again.read_now(lambda c: get_state(c, "model")) == {"path": "/m.gguf", "n": [1, 2.5, None, "ü"]}
    again.write_now(lambda c: put_state(c, "model", None))
    assert again.read_now(lambda c: get_state(c, "model", "none")) == "none"
    again.close_now()


async def test_owners_do_not_see_each_other(database: Database) -> None:
    await database.write(lambda c: put_state(c, "k", 1, owner="ada"))
    assert await database.read(lambda c: get_state(c, "k")) is None
    assert await database.read(lambda c: get_state(c, "k", owner="ada")) == 1


def test_it_is_durable_and_private(path: Path) -> None:
    database = Database.open(path)
    database.write_now(lambda c: put_state(c, "k", 1))
    assert database.journal == "wal"
    pragmas = {"synchronous": 2, "foreign_keys": 1, "fullfsync": 1, "trusted_schema": 0}
    assert database.read_now(lambda c: {name: c.pragma(name) for name in pragmas}) == pragmas
    files = sorted(path.parent.iterdir())
    assert [f.name for f in files] == ["offgrid.db", "offgrid.db-shm", "offgrid.db-wal"]
    assert {f.stat().st_mode & 0o077 for f in [*files, path.parent]} == {0}
    database.close_now()


async def test_an_error_takes_everything_back(database: Database) -> None:
    def half(connection: apsw.Connection) -> None:
        put_state(connection, "k", 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(half)
    with pytest.raises(apsw.SQLError):
        await database.write(lambda c: (put_state(c, "k", 1), c.execute("SELEKT")))
    with pytest.raises(apsw.ConstraintError):
        await database.write(lambda c: (put_state(c, "k", 1), c.execute("INSERT INTO state (key) VALUES ('x')")))
    assert await database.read(_count) == 0
    await database.write(lambda c: put_state(c, "k", 1))
    assert await database.read(_count) == 1


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(RuntimeError, match="tried to write"):
        await database.read(lambda c: put_state(c, "k", 1))
    await database.write(lambda c: put_state(c, "k", 2))
    assert await database.read(lambda c: get_state(c, "k")) == 2


async def test_a_read_is_one_snapshot(database: Database, path: Path) -> None:
    other = Database.open(path)

    def look_twice(connection: apsw.Connection) -> tuple[int, int]:
        before = _count(connection)
        other.write_now(lambda c: put_state(c, f"key {before}", 1))
        return before, _count(connection)

    assert await database.read(look_twice) == (0, 0)
    assert await database.read(look_twice) == (1, 1)
    await other.close()


async def test_rows_point_to_something(database: Database) -> None:
    turn = "INSERT INTO turns (id, conversation, role, content, created) VALUES ('t', 'c', 'user', 'hi', 1)"
    with pytest.raises(apsw.ConstraintError, match="FOREIGN KEY"):
        await database.write(lambda c: c.execute(turn).fetchall())

    def whole(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO conversations (id, created, updated, leaf) VALUES ('c', 1, 1, 't')")
        connection.execute(turn)  # after the leaf that points to it: checked at the end

    await database.write(whole)
    await database.write(lambda c: c.execute("DELETE FROM conversations").fetchall())
    assert await database.read(lambda c: c.execute("SELECT count(*) FROM turns").get) == 0


async def test_a_cancelled_write_is_carried_out_and_the_next_one_works(database: Database) -> None:
    gate = Gate()
    held = asyncio.create_task(database.write(lambda c: (put_state(c, "held", 1), gate(c))))
    await gate.wait_until_held()
    queued = asyncio.create_task(database.write(lambda c: put_state(c, "queued", 1)))
    read = asyncio.create_task(database.read(_count))
    await asyncio.sleep(0)
    for task in (held, queued, read):
        task.cancel()
    results = await asyncio.gather(held, queued, read, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    gate.opened.set()
    assert await database.read(_count) == 2
    await database.write(lambda c: put_state(c, "next", 1))
    assert await database.read(_count) == 3


async def test_a_cancelled_read_that_has_not_begun_never_runs(database: Database) -> None:
    gate, ran = Gate(), []
    held = asyncio.create_task(database.read(gate))
    await gate.wait_until_held()
    queued = asyncio.create_task(database.read(ran.append))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.gather(queued, return_exceptions=True)
    gate.opened.set()
    await held
    await database.read(_count)
    assert ran == []


async def test_a_storm_of_cancelling_loses_no_write(database: Database) -> None:
    rng = random.Random(3)

    async def add(number: int) -> None:
        await database.write(lambda c: put_state(c, str(number), number))

    tasks = []
    for number in range(300):
        tasks.append(asyncio.create_task(add(number)))
        if rng.random() < 0.5:
            await asyncio.sleep(0)  # so that it has been handed over
        if rng.random() < 0.3:
            await asyncio.sleep(0.001)
    begun = [task for task in tasks if rng.random() < 0.7]
    await asyncio.sleep(0)
    for task in begun:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await database.read(_count) == 300
    assert await database.check() == []


async def test_a_failure_nobody_waits_for_is_logged(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    def fail(connection: apsw.Connection) -> None:
        gate(connection)
        raise ValueError("the turn was too odd")

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(database.write(fail))
        await gate.wait_until_held()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.opened.set()
        await database.read(_count)
    assert "the turn was too odd" in caplog.text


async def test_closing_carries_out_what_was_handed_over(path: Path) -> None:
    database = Database.open(path)
    writes = [asyncio.create_task(database.write(lambda c, n=n: put_state(c, str(n), n))) for n in range(20)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*writes)
    for use in (database.read, database.write):
        with pytest.raises(DatabaseClosed):
            await use(_count)
    with pytest.raises(DatabaseClosed):
        database.read_now(_count)
    await database.close()
    database.close_now()
    again = Database.open(path)
    assert await again.read(_count) == 20
    await again.close()
    assert [f.name for f in path.parent.iterdir()] == ["offgrid.db"]


def test_one_database_serves_several_loops_and_threads(path: Path) -> None:
    database = Database.open(path)

    async def some(start: int) -> None:
        await asyncio.gather(
            *(database.write(lambda c, n=n: put_state(c, str(n), n)) for n in range(start, start + 20))
        )

    threads = [threading.Thread(target=asyncio.run, args=(some(start),)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.read_now(_count) == 60
    database.close_now()


async def test_the_loop_goes_on_while_the_disk_is_slow(database: Database) -> None:
    gate = Gate()
    write = asyncio.create_task(database.write(gate))
    await gate.wait_until_held()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not write.done()
    gate.opened.set()
    await write
