"""The database: one thread owns the one connection; everybody else hands it functions."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import apsw

from offgrid_tui.database.changes import ORIGIN_FUNCTION, Change, changes_since, newest_seq
from offgrid_tui.database.connection import open_connection
from offgrid_tui.database.errors import DatabaseBusy, DatabaseClosed, DatabaseDamaged, damaged, translate
from offgrid_tui.database.migrate import migrate
from offgrid_tui.database.migrations import MIGRATIONS, Migration
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.system.filesystem import Filesystem, filesystem_of

T = TypeVar("T")
log = logging.getLogger(__name__)


class Database:
    """An open database. Made by `Database.open`.

    Functions given to `read` and `write` run one after the other in the database's own thread, so they must be short,
    and must return plain values: a cursor would be read in another thread, after its transaction.
    """

    def __init__(self, path: Path, filesystem: Filesystem) -> None:
        self.path = path
        self.filesystem = filesystem
        self._origin = f"{os.getpid()}-{os.urandom(6).hex()}"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._connection: apsw.Connection
        self._journal = ""
        self._opened_at = 0  # newest change when this database was opened

    @classmethod
    def open(cls, path: Path, *, clock: Clock | None = None, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
        """Open the database at `path`, make it where it is missing, and bring it to the newest form. Blocks.

        Raises:
            DatabaseBusy, DatabaseDamaged, DatabaseNewer, DatabaseReadOnly, DatabaseFull, DatabaseFailed: each leaves
                the file as it was.
        """
        database = cls(path, filesystem_of(path))
        try:
            database._submit(lambda: database._open(clock or SystemClock(), migrations)).result()
        except BaseException:
            database._thread.shutdown()
            raise
        return database

    @property
    def journal(self) -> str:
        """How SQLite keeps a write whole: "wal", or "delete" where the filesystem is a network's."""
        return self._journal

    # ── reading and writing ───────────────────────────────────────────────────────────────────────────────────────

    async def read(self, fn: Callable[[apsw.Connection], T]) -> T:
        """Call `fn` with the connection, in one snapshot of the database; it cannot write.

        A cancelled read that has not begun never runs.

        Raises:
            DatabaseBusy, DatabaseDamaged, DatabaseFailed, DatabaseClosed; and what `fn` raises.
        """
        return await asyncio.wrap_future(self._submit(lambda: self._read(fn)))

    async def write(self, fn: Callable[[apsw.Connection], T]) -> T:
        """Call `fn` with the connection inside a transaction, and commit it to disk.

        The transaction begins by taking the write lock, waiting for other processes up to ten seconds, so `fn` is
        called once and never finds its ground changed. Whatever `fn` raises takes everything back.

        A write that was handed over is carried out, also where the task that waits for it is cancelled meanwhile: a
        turn that a user sent is saved even if they quit in that moment. If such a write fails, that is logged.

        Raises:
            DatabaseBusy, DatabaseDamaged, DatabaseReadOnly, DatabaseFull, DatabaseFailed, DatabaseClosed: nothing was
                written; and what `fn` raises.
        """
        future = self._submit(lambda: self._write(fn))
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            future.add_done_callback(_log_failure)
            raise

    def read_now(self, fn: Callable[[apsw.Connection], T]) -> T:
        """`read` for callers without a loop: waits for the answer."""
        return self._submit(lambda: self._read(fn)).result()

    def write_now(self, fn: Callable[[apsw.Connection], T]) -> T:
        """`write` for callers without a loop: waits for the commit."""
        return self._submit(lambda: self._write(fn)).result()

    async def check(self) -> list[str]:
        """What SQLite finds wrong in the file, at most twenty lines; empty where it is whole. Reads all of it."""
        try:
            rows = await self.read(lambda connection: connection.execute("PRAGMA quick_check(20)").fetchall())
        except DatabaseDamaged as error:
            return [error.detail]
        return [str(text) for (text,) in rows if text != "ok"]

    # ── changes by others ─────────────────────────────────────────────────────────────────────────────────────────

    async def follow(self, topics: Iterable[str], *, interval: float = 0.5) -> AsyncIterator[Change]:
        """Yield what other processes changed in `topics` since this database was opened, as they change it.

        Several changes of one key between two looks come as one. Ends when the database is closed.

        Args:
            interval: seconds between two looks; a look takes some 50 µs of a processor where nothing has changed.
        """
        wanted = frozenset(topics)
        version, seq = None, self._opened_at
        while True:
            try:
                now = await asyncio.wrap_future(self._submit(self._version))
                if now != version:
                    seq, changes = await self.read(partial(changes_since, seq=seq, topics=wanted, origin=self._origin))
                    version = now
                    for change in changes:
                        yield change
            except DatabaseBusy:
                pass  # only with a rollback journal, while another process writes: look again later
            except DatabaseClosed:
                return
            await asyncio.sleep(interval)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def close(self) -> None:
        """Carry out what was handed over, then close the file. Closing twice does nothing."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close` for callers without a loop."""
        try:
            closed = self._submit(self._connection.close)
        except DatabaseClosed:
            return
        self._thread.shutdown()
        closed.result()

    # ── in the database's thread ──────────────────────────────────────────────────────────────────────────────────

    def _open(self, clock: Clock, migrations: Sequence[Migration]) -> None:
        try:
            connection = open_connection(self.path, self.filesystem)
        except apsw.Error as error:
            raise translate(error, self.path) or error from None
        try:
            with self._translating(connection):
                migrate(connection, self.path, migrations, clock)
                connection.create_scalar_function(ORIGIN_FUNCTION, lambda *_: self._origin, 0)
                self._journal = str(connection.pragma("journal_mode"))
                self._opened_at = newest_seq(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _read(self, fn: Callable[[apsw.Connection], T]) -> T:
        def guarded(connection: apsw.Connection) -> T:
            try:
                return fn(connection)
            except apsw.ReadOnlyError as error:
                raise RuntimeError("a function given to Database.read tried to write") from error

        self._connection.pragma("query_only", True)
        try:
            return self._in_transaction("BEGIN", guarded)
        finally:
            self._connection.pragma("query_only", False)

    def _write(self, fn: Callable[[apsw.Connection], T]) -> T:
        return self._in_transaction("BEGIN IMMEDIATE", fn)

    def _in_transaction(self, begin: str, fn: Callable[[apsw.Connection], T]) -> T:
        connection = self._connection
        with self._translating(connection):
            connection.execute(begin)
            try:
                result = fn(connection)
                connection.execute("COMMIT")
            except BaseException:
                # SQLite rolls back by itself on a full disk and on input/output errors.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return result

    def _version(self) -> int:
        """Changes whenever another connection committed something."""
        with self._translating(self._connection):
            return int(self._connection.pragma("data_version"))

    @contextmanager
    def _translating(self, connection: apsw.Connection) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            if known := translate(error, self.path, connection.system_errno):
                raise known from error
            raise
        except UnicodeDecodeError as error:  # SQLite takes no text that is not UTF-8, so this one was overwritten
            raise damaged(self.path, str(error)) from error

    def _submit(self, fn: Callable[[], T]) -> Future[T]:
        try:
            return self._thread.submit(fn)
        except RuntimeError:
            raise DatabaseClosed("the database is closed", mend="Start OffGrid again.") from None


def _log_failure(future: Future[T]) -> None:
    if not future.cancelled() and (error := future.exception()):
        log.error("a write that nobody waited for any more failed: %s", error)
