"""What others want of a mover: to stop, to wait no longer, to go slower. Heard in a thread of its own."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATIENCE = 1.0  # seconds that the mover has to stop by itself; it may hang in a read or a name look-up
_LOOK = 0.5  # seconds between two looks for the file that asks a mover without a pipe to stop


class Stop(Exception):
    """Somebody wants the mover to stop."""


class Control:
    """Commands as they came. `check` is to be called often; it raises Stop.

    Args:
        stop_file: asks to stop by being there.
        last: called in the listening thread, before the process is ended that does not stop by itself.
    """

    def __init__(self, *, limit: int | None, stay: bool, stop_file: Path, last: Callable[[], None]) -> None:
        self.limit = limit
        self.stay = stay
        self._stop_file = stop_file
        self._last = last
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._looked = 0.0

    def listen(self, stream: Any) -> None:
        """Read commands from `stream`, a binary file, until it ends; in a daemon thread."""
        threading.Thread(target=self._listen, args=(stream,), name="commands", daemon=True).start()

    def check(self) -> None:
        """Raises Stop: somebody wants that."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            if self._stop_file.exists():
                self._stopping.set()
        if self._stopping.is_set():
            raise Stop

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody wants to go on now, or to stop.

        Raises:
            Stop: as `check`.
        """
        ends = time.monotonic() + seconds
        self._wake.clear()
        self.check()
        while (left := ends - time.monotonic()) > 0 and not self._wake.wait(min(left, _LOOK)):
            self.check()
        self.check()

    def ended(self) -> None:
        """The mover has come to its end: nobody needs to be pushed."""
        self._ended.set()

    def _listen(self, stream: Any) -> None:
        for line in stream:
            try:
                command = json.loads(line)
                match command["do"]:
                    case "stop":
                        self._stop()
                    case "now":
                        self._wake.set()
                    case "limit":
                        self.limit = command["bytes"]
                    case "stay":
                        self.stay = True
            except (ValueError, KeyError, TypeError):
                continue
        if not self.stay:
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if not self._ended.wait(_PATIENCE):
            self._last()
            os._exit(0)
