"""What the mover says: lines on standard output for whoever started it, and a file for everybody else."""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path

from offgrid_tui.downloads.contract import Kind, Said, encode
from offgrid_tui.downloads.places import STATUS

_STATUS = 1.0  # seconds between two writings of the file
_WAIT = 10.0  # seconds that a line which counts waits for a reader that is stopped


class Wire:
    """Lines are short enough to be written whole or not at all. A reader that is stopped must not stop the transfer:
    reports are dropped then; one that is gone is done without."""

    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor = descriptor
        self._status = folder / STATUS
        self._alone = False
        self._wrote = 0.0
        os.set_blocking(descriptor, False)

    def say(self, said: Said) -> None:
        self._line(encode(said), must=said.kind is not Kind.PROGRESS)
        now = time.monotonic()
        if said.kind is not Kind.PROGRESS or now - self._wrote >= _STATUS:
            self._wrote = now
            temporary = self._status.with_suffix(".tmp")
            with contextlib.suppress(OSError):  # a full disk; whoever looks sees the report before
                temporary.write_bytes(encode(said))
                temporary.replace(self._status)

    def _line(self, line: bytes, *, must: bool) -> None:
        ends = time.monotonic() + _WAIT
        while not self._alone:
            try:
                os.write(self._descriptor, line)
                return
            except BlockingIOError:
                if not must or time.monotonic() > ends:
                    return
                select.select([], [self._descriptor], [], 0.5)
            except OSError:
                self._alone = True
