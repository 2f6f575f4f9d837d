"""Opens SQLite the way we need it: durable, shared between processes, private to the user."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw

from offgrid_tui.database.errors import DatabaseFailed, read_only
from offgrid_tui.system.filesystem import Filesystem

BUSY_TIMEOUT = 10.0  # seconds that a statement waits for another process's write
_RETRY = 0.05  # seconds
_LARGEST_LOG = 16 * 2**20  # bytes that the write-ahead log keeps on disk once its contents are in the database


def open_connection(path: Path, filesystem: Filesystem) -> apsw.Connection:
    """Open (and make, 0600) the file at `path`.

    A write-ahead log needs memory shared between processes, which does not exist across a network: there the older
    rollback journal is used, and readers and writers wait for one another.

    Raises:
        DatabaseReadOnly: the file or its folder cannot be written.
        DatabaseFailed: something else than a file is there.
        apsw.Error: SQLite's own.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite would make it readable for others; its -wal and -shm files take their permissions from it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if isinstance(error, PermissionError) or filesystem.read_only:
            raise read_only(path) from None
        raise DatabaseFailed(
            "the database cannot be opened",
            detail=f"{path}: {error.strerror}.",
            mend="Look what is there, or set OFFGRID_HOME to another folder.",
        ) from None
    try:
        connection = apsw.Connection(str(path))
    except UnicodeEncodeError:
        raise DatabaseFailed(
            "the database cannot be opened",
            detail=f"{str(path)!r} is not UTF-8, which SQLite needs.",
            mend="Set OFFGRID_HOME to a folder with a plain name.",
        ) from None
    try:
        connection.set_busy_timeout(int(BUSY_TIMEOUT * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.pragma("trusted_schema", False)
        _set_journal(connection, "delete" if filesystem.is_network else "wal")
        connection.pragma("synchronous", "FULL")
        connection.pragma("fullfsync", True)  # macOS: fsync alone leaves the bytes in the disk's cache
        connection.pragma("foreign_keys", True)
        connection.pragma("journal_size_limit", _LARGEST_LOG)
        if connection.readonly("main"):
            raise read_only(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_journal(connection: apsw.Connection, mode: str) -> None:
    """Change the journal mode where it differs.

    Out of WAL the file must be ours alone for a moment, and for that SQLite does not wait by itself.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while connection.pragma("journal_mode") != mode:
        try:
            connection.pragma("journal_mode", mode)
            return  # a filesystem may refuse the mode; then it stays as it is, and `Database.journal` tells
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_RETRY)
