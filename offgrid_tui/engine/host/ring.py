"""The last lines that a worker printed, bounded, for the errors that quote them."""

from __future__ import annotations

from collections import deque

LINES = 200
LINE_LENGTH = 500  # characters; llama.cpp prints whole vocabularies at times


class LogRing:
    """Takes raw output in pieces of any size, gives whole lines."""

    def __init__(self, lines: int = LINES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            self.add(line.decode("utf-8", "replace"))
        self._rest = rest[-LINE_LENGTH:]

    def add(self, line: str) -> None:
        if line := line.rstrip():
            self._lines.append(line[:LINE_LENGTH])

    def tail(self, count: int = 20) -> tuple[str, ...]:
        """The last `count` lines, an unfinished one included: the last words of a process often lack their newline."""
        lines = list(self._lines)
        if rest := self._rest.decode("utf-8", "replace").rstrip():
            lines.append(rest)
        return tuple(lines[-count:])
