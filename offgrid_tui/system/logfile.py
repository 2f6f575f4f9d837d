"""Where a program that draws on the terminal writes its log: a file, since stderr would go right across the screen."""

from __future__ import annotations

import logging
from pathlib import Path

from offgrid_tui.foundation.text import clean

KEPT = 2**20  # bytes; a file that is longer when a program starts is kept as .1, and a new one begun


class _CleanFormatter(logging.Formatter):
    """Log lines quote file names, models and libraries; who reads the file must not be written to by them."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


def log_to(path: Path, level: int = logging.INFO) -> None:
    """Send the log of this process to `path` (0600), with the process's number, for several share the file. Where it
    can't be written nothing is logged: that is no reason not to start."""
    handler: logging.Handler
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > KEPT:
            path.replace(path.with_suffix(path.suffix + ".1"))
        path.touch(mode=0o600)
        handler = logging.FileHandler(path, encoding="utf-8", errors="replace")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(
        _CleanFormatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")
    )
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
