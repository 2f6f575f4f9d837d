"""What can be wrong with a database, in words; and how SQLite's codes become these."""

from __future__ import annotations

import errno
from pathlib import Path

import apsw

from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError, RefusedError


class DatabaseBusy(BusyError):
    """Another process wrote for longer than we wait."""


class DatabaseDamaged(DamagedError):
    """The file is not a database, not ours, or its contents contradict one another. It is left as it is."""


class DatabaseNewer(RefusedError):
    """A newer OffGrid wrote it; this one would not know what it changes."""


class DatabaseReadOnly(RefusedError):
    """The file, its folder or its disk cannot be written."""


class DatabaseFull(OffGridError):
    """No space: the write was taken back as a whole."""


class DatabaseFailed(OffGridError):
    """The disk does not do what it is asked."""


class DatabaseClosed(OffGridError):
    """It was used after it was closed: the program is ending."""


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)


def translate(error: apsw.Error, path: Path, system_errno: int = 0) -> OffGridError | None:
    """The error of the house for an error of SQLite; None where it is none of the disk's but a fault in a statement.

    Args:
        system_errno: what the operating system said last on this connection, 0 where it is not known.
    """
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return DatabaseBusy(
            "the database is in use by another process",
            detail=f"{path} stayed locked.",
            mend="Wait until the other OffGrid is done, and try again.",
        )
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return damaged(path, str(error))
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and system_errno in _NO_SPACE):
        return DatabaseFull(
            "no space to save: the disk is full",
            detail=f"{path} could not grow; what was saved before is whole.",
            mend="Free some space on that disk, and try again.",
        )
    if isinstance(error, apsw.ReadOnlyError) or (
        isinstance(error, apsw.CantOpenError | apsw.IOError) and system_errno in _NO_WRITE
    ):
        return read_only(path)
    if isinstance(error, apsw.CantOpenError | apsw.IOError):
        return DatabaseFailed(
            "the database cannot be read or written",
            detail=f"{path}: {error}.",
            mend="Check the disk (dmesg, free space, permissions), and try again.",
        )
    return None


def damaged(path: Path, why: str) -> DatabaseDamaged:
    return DatabaseDamaged(
        "the database is damaged",
        detail=f"{path}: {why}. Nothing was changed.",
        mend=(
            f"Move it aside (mv {path} {path}.damaged) to start with an empty one;"
            f" `sqlite3 {path}.damaged .recover` prints what can still be read."
        ),
    )


def read_only(path: Path) -> DatabaseReadOnly:
    return DatabaseReadOnly(
        "the database cannot be written",
        detail=f"{path}, its folder or its disk is read-only for this user.",
        mend="Correct the permissions, or set OFFGRID_HOME to a folder that can be written.",
    )
