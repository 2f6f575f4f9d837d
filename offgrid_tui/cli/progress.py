"""One line on stderr that says how far something is; plain lines where stderr is no terminal."""

from __future__ import annotations

import shutil
import sys
import time

from offgrid_tui.foundation.text import clean_line

_INTERVAL = 0.25  # seconds between two paintings


class ProgressLine:
    """Repaints one line by blanks and carriage returns alone, so that it works on any terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = 0  # characters of the line that stands there
        self._last = ""  # the last plain line
        self._painted = 0.0

    @property
    def terminal(self) -> bool:
        """Whether somebody watches."""
        return self._terminal

    def show(self, what: str, detail: str = "") -> None:
        """`what` is done now; `detail` changes often and is left out of plain lines."""
        if not self._terminal:
            if what != self._last:
                self._last = what
                print(f"offgrid: {clean_line(what)}", file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if now - self._painted < _INTERVAL and what == self._last:
            return
        self._painted, self._last = now, what
        width = shutil.get_terminal_size().columns - 1
        line = clean_line(f"{what} {detail}".rstrip(), max(20, width))
        sys.stderr.write("\r" + line.ljust(self._shown) + "\r")
        sys.stderr.flush()
        self._shown = len(line)

    def clear(self) -> None:
        """Leave the line empty, for what is printed next."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0

    def note(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(clean_line(text), file=sys.stderr, flush=True)
