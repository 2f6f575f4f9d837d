"""What can go wrong with files of models."""

from __future__ import annotations

import errno
from pathlib import Path

from offgrid_tui.foundation.errors import ExitCode, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Stopped(OffGridError):
    """Somebody stopped a long piece of work; nothing half done is left."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, what: str) -> None:
        super().__init__(f"{clean_line(what)} was stopped", mend="Start it again when it suits.")


class NoSpace(OffGridError):
    """The disk has not, or no longer, the room."""

    def __init__(self, what: str, folder: Path, needed: int | None = None, free: int | None = None) -> None:
        detail = f"It would go to {clean_line(str(folder))}."
        if needed is not None and free is not None:
            detail = f"It needs {bytes_text(needed)}; {clean_line(str(folder))} has {bytes_text(free)} free."
        super().__init__(
            f"There is no room for {clean_line(what)}",
            detail=detail + " Nothing of it was kept.",
            mend="Free some space (`offgrid storage` shows what takes it), or move the models to another disk.",
        )


class Pinned(RefusedError):
    """A pinned model is not removed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{clean_line(name)} is pinned",
            detail="A pinned model is never removed.",
            mend="Let go of it first: `offgrid favourite --unpin NAME`.",
        )


def failed(what: str, path: Path, error: OSError) -> OffGridError:
    """`error` of the operating system, met while `what` was done with `path`."""
    if error.errno in _FULL:
        return NoSpace(path.name, path.parent)
    return OffGridError(
        f"{clean_line(what)} did not work",
        detail=f"{clean_line(str(path))}: {error.strerror or error}.",
        mend="Check the disk and who may write there.",
    )
