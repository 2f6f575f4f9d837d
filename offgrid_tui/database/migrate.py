"""Brings a database to the newest form, or says why it must not be touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

from offgrid_tui.database.errors import DatabaseNewer, damaged
from offgrid_tui.database.migrations import Migration
from offgrid_tui.foundation.clock import Clock

APPLICATION_ID = 0x4F464744  # "OFGD", in the file's header: `file offgrid.db` shows it

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    position INTEGER PRIMARY KEY,   -- 1, 2, 3 …
    name     TEXT NOT NULL UNIQUE,
    checksum TEXT NOT NULL,
    applied  REAL NOT NULL          -- Unix seconds
) STRICT;
"""


def migrate(connection: apsw.Connection, path: Path, migrations: Sequence[Migration], clock: Clock) -> None:
    """Apply what is missing, each step in a transaction of its own: whatever interrupts it, the database has one of
    the known forms. Several processes may do it at once; the first does it, the others find it done.

    Raises:
        DatabaseDamaged: another program's database, or its recorded steps are not ours.
        DatabaseNewer: it has steps that this version doesn't know.
        apsw.Error: SQLite's own.
    """
    while _next_step(connection, path, migrations, clock):
        pass


def _next_step(connection: apsw.Connection, path: Path, migrations: Sequence[Migration], clock: Clock) -> bool:
    """Apply one step; False where none is missing."""
    if _applied(connection, path, migrations) == len(migrations):
        return False
    # Foreign keys cannot be switched inside a transaction, and a step that rebuilds a table needs them off.
    connection.pragma("foreign_keys", False)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            position = _applied(connection, path, migrations)  # again: another process may have been faster
            if position < len(migrations):
                step = migrations[position]
                connection.pragma("application_id", APPLICATION_ID)
                connection.execute(_TABLE)
                connection.execute(step.sql)
                connection.execute(
                    "INSERT INTO migrations (position, name, checksum, applied) VALUES (?, ?, ?, ?)",
                    (position + 1, step.name, step.checksum, clock.wall()),
                )
                if broken := connection.execute("PRAGMA foreign_key_check").fetchall():
                    raise damaged(path, f"migration {step.name} found {len(broken)} rows that point to nothing")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    finally:
        connection.pragma("foreign_keys", True)
    return True


def _applied(connection: apsw.Connection, path: Path, migrations: Sequence[Migration]) -> int:
    """How many of `migrations` the database has; refuses one that is not ours or newer."""
    # The tables first: another process may make all of it between the two looks, and then the mark is there too.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    application = connection.pragma("application_id")
    if application != APPLICATION_ID and (application or tables):
        raise damaged(path, "it is a database of another program")
    if "migrations" not in tables:
        return 0
    rows = connection.execute("SELECT name, checksum FROM migrations ORDER BY position").fetchall()
    for (name, checksum), known in zip(rows, migrations, strict=False):
        if (name, checksum) != (known.name, known.checksum):
            raise damaged(path, f"it was made by another version of migration {known.name}")
    if len(rows) > len(migrations):
        raise DatabaseNewer(
            "the database was written by a newer OffGrid",
            detail=f"{path} has migration {rows[len(migrations)][0]}, which this version does not know.",
            mend="Update OffGrid, or set OFFGRID_HOME to another folder.",
        )
    return len(rows)
