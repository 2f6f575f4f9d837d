"""One error tree. Toast, modal, CLI and API print the same object: what happened, why, what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command; documented in docs/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4  # by policy: off-grid mode, memory gate, permissions
    ENGINE = 5  # the engine could not load or answer
    BUSY = 6
    DAMAGED = 7  # a file, a configuration or the database is broken
    INTERRUPTED = 130


class OffGridError(Exception):
    """Base of everything that we tell a user went wrong.

    Args:
        title: what happened, one line, no full stop.
        detail: why, in plain words; may hold several lines.
        mend: what to do next, one imperative sentence; empty only where nothing can be done.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, title: str, *, detail: str = "", mend: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.mend = mend

    def __str__(self) -> str:
        return "\n".join(part for part in (self.title, self.detail, self.mend) if part)


class UsageError(OffGridError):
    exit_code = ExitCode.USAGE


class NotFoundError(OffGridError):
    exit_code = ExitCode.NOT_FOUND


class RefusedError(OffGridError):
    exit_code = ExitCode.REFUSED


class BusyError(OffGridError):
    exit_code = ExitCode.BUSY


class DamagedError(OffGridError):
    exit_code = ExitCode.DAMAGED
