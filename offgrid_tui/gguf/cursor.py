"""Walks through the bytes of a header, and never further or for longer than a header may need."""

from __future__ import annotations

import struct

from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.source import ByteSource

# Real headers stay far below: the largest vocabularies take 35 MB and under a million strings.
MAX_HEADER = 256 * 2**20  # bytes before the tensor data
MAX_ITEMS = 4_000_000  # strings and inner arrays, which must be walked one by one: about a second
WINDOW = 2**20  # bytes fetched at once


class Cursor:
    """A position in a source. Every length that the file states is checked before it is used.

    Raises (all methods):
        GgufError: the file ends too early (truncated), or asks for more than any model needs (damaged).
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._window = b""
        self._start = 0  # where the window begins in the file
        self._at = 0  # position inside the window; past its end only inside a method
        self._items = 0
        self._length = struct.Struct("<Q")
        self._order = "<"

    @property
    def position(self) -> int:
        return self._start + self._at

    @property
    def remaining(self) -> int:
        """Bytes of the file that lie ahead."""
        return self._source.size - self.position

    def swap(self) -> None:
        """Read numbers as big-endian from here on."""
        self._order = ">"
        self._length = struct.Struct(">Q")

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes; `what` names them in the error."""
        self._require(size, what)
        if self._at + size > len(self._window):
            self._move(self.position, max(size, WINDOW))
            if len(self._window) < size:
                raise _truncated(what, self._source.size)  # the file shrank, or the source is only its beginning
        data = self._window[self._at : self._at + size]
        self._at += size
        return data

    def skip(self, size: int, what: str) -> None:
        self._require(size, what)
        self._at += size

    def number(self, code: str, what: str) -> int | float:
        """One value by its struct code."""
        value: int | float = struct.unpack(self._order + code, self.take(struct.calcsize(self._order + code), what))[0]
        return value

    def integer(self, code: str, what: str) -> int:
        return int(self.number(code, what))

    def numbers(self, code: str, count: int, what: str) -> tuple[int | float, ...]:
        layout = f"{self._order}{count}{code}"
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))

    def count(self, least: int, most: int, what: str) -> int:
        """How many of something follow, each of at least `least` bytes; refused before anything is allocated."""
        count = self.integer("Q", what)
        if count > most:
            raise GgufError(
                GgufProblem.DAMAGED, f"The header states {count} {what}", detail=f"No model has more than {most}."
            )
        if count * least > self.remaining:
            raise _truncated(what, self._source.size)
        return count

    def walk(self, items: int, what: str) -> None:
        """Account for `items` that have to be read one by one."""
        self._items += items
        if self._items > MAX_ITEMS:
            raise GgufError(
                GgufProblem.DAMAGED, f"The header holds more than {MAX_ITEMS} strings", detail=f"Found in {what}."
            )

    def skip_strings(self, count: int, what: str) -> None:
        """Pass over `count` strings. The inner loop is the reader's hottest: a vocabulary holds half a million."""
        self.walk(count, what)
        unpack = self._length.unpack_from
        while count:
            if self._at + 8 > len(self._window):
                self._require(8, what)
                self._move(self.position, WINDOW)
                if len(self._window) < 8:
                    raise _truncated(what, self._source.size)
            window, at, last = self._window, self._at, len(self._window) - 8
            while count and at <= last:
                at += 8 + unpack(window, at)[0]
                count -= 1
            passed, self._at = at - self._at, self._at
            self._require(passed, what)
            self._at += passed

    def _require(self, size: int, what: str) -> None:
        if size > self.remaining:
            # A length that no header has is a flipped bit; one that a header could have is a cut file.
            if size > MAX_HEADER:
                raise GgufError(GgufProblem.DAMAGED, f"The header states {size} bytes for {what}")
            raise _truncated(what, self._source.size)
        if self.position + size > MAX_HEADER:
            raise GgufError(
                GgufProblem.DAMAGED, f"The header is longer than {bytes_text(MAX_HEADER)}", detail=f"Reading {what}."
            )

    def _move(self, position: int, size: int) -> None:
        self._start, self._at = position, 0
        self._window = self._source.read_at(position, min(size, self._source.size - position))


def _truncated(what: str, size: int) -> GgufError:
    return GgufError(
        GgufProblem.TRUNCATED,
        "The file ends inside its header",
        detail=f"It ends after {size} bytes, in {what}.",
    )
