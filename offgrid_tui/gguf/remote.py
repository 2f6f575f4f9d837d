"""The bytes of a file at the far end of HTTP: a few megabytes in ranges, of a file that may have forty gigabytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from offgrid_tui.foundation.errors import NotFoundError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import joined
from offgrid_tui.gguf.reader import parse_header

if TYPE_CHECKING:
    import httpx2  # the client is given; loading it costs who makes one 100 ms

MOST = 96 * 2**20  # bytes fetched in all: the headers with the largest vocabularies have 35 MB
FIRST = 2**20  # bytes of the first range; each later one is twice as large
LARGEST = 8 * 2**20
WHOLE = 32 * 2**20  # bytes taken from the front of a file that is not given in ranges
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_EMPTY = re.compile(r"bytes \*/(\d{1,19})")
_EXPIRED = (401, 403, 404, 410)  # what a signed address answers when its time is over


class RemoteError(OffGridError):
    """The other side gave something else than the range that it was asked for.

    `status` is HTTP's; `code` what the hub's X-Error-Code says, empty where it says nothing.
    """

    def __init__(self, title: str, detail: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(title, detail=detail, mend="Try again later, or fetch the whole file.")
        self.status = status
        self.code = code


class RemoteMissing(RemoteError, NotFoundError):
    """Nothing lies at that address."""


class RemoteSource:
    """A file at `url`, read in ranges. Blocks; what its client raises goes through.

    The address that redirects lead to is asked directly from then on, and looked up again when it has run out. Only
    the last range is held: a header is read from front to back.

    Raises (constructor and `read_at`):
        RemoteError: no such file, no ranges, another file meanwhile, or more was asked for than a header can need.
    """

    def __init__(self, client: httpx2.Client, url: str, *, most: int = MOST) -> None:
        self._client = client
        self._url = url
        self._at = url  # where redirects led
        self._left = most
        self._most = most
        self._etag: str | None = None
        self._start = 0
        self._window = b""
        self._next = FIRST
        self.size = 0
        self._window = self._fetch(0, FIRST)

    def read_at(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        begin = offset - self._start
        if begin < 0 or begin > len(self._window):
            begin, self._start, self._window = 0, offset, b""
        if begin + size > len(self._window):
            held = self._window[begin:]
            end = offset + len(held)
            fetched = self._fetch(end, min(max(size - len(held), self._next), self.size - end))
            begin, self._start, self._window = 0, offset, held + fetched
        return self._window[begin : begin + size]

    def _fetch(self, offset: int, size: int) -> bytes:
        if size > self._left:
            raise RemoteError(
                "The header is longer than any that is known",
                f"{bytes_text(self._most - self._left)} of the file were read; the most is {bytes_text(self._most)}.",
            )
        data = self._ask(self._at, offset, size)
        if data is None and self._at != self._url:
            self._at = self._url
            data = self._ask(self._at, offset, size)
        if data is None:
            raise RemoteMissing("There is no such file any more", "Its address stopped to answer.")
        self._left -= len(data)
        self._next = min(LARGEST, self._next * 2)
        return data

    def _ask(self, url: str, offset: int, size: int) -> bytes | None:
        """One range; None where an address that a redirect gave has run out."""
        headers = {"Range": f"bytes={offset}-{offset + size - 1}"}
        if self._etag is not None:
            headers["If-Range"] = self._etag
        with self._client.stream("GET", url, headers=headers) as response:
            status = response.status_code
            if status in _EXPIRED and url != self._url:
                return None
            if status == 416 and offset == 0 and _EMPTY.fullmatch(response.headers.get("content-range", "")):
                return b""
            if status == 206:
                size = self._checked(response, offset, size)
            elif status == 200 and offset == 0:  # a server without ranges: what it sends first has to be enough
                self.size = _length(response)
                size = min(self._left, WHOLE, self.size)
            elif status == 200:
                changed = response.headers.get("etag") != self._etag
                raise RemoteError(
                    "The file was replaced while it was read" if changed else "The server gives no parts of files",
                    f"Asked for {bytes_text(size)} from byte {offset} on, it sends the whole.",
                    status=status,
                )
            else:
                raise _refused(response)
            if self._etag is None:
                self._etag = _strong(response.headers.get("etag"))
            self._at = str(response.url)
            return _take(response, size)

    def _checked(self, response: httpx2.Response, offset: int, size: int) -> int:
        """Bytes that the range has, once it is the one that was asked for."""
        match = _RANGE.fullmatch(response.headers.get("content-range", ""))
        first, last, total = (int(number) for number in match.groups()) if match else (-1, -1, -1)
        if match is None or first != offset or not first <= last < total or last - first + 1 > size:
            raise RemoteError("The server gave another part of the file", "It was asked for one, and names another.")
        if self.size and total != self.size:
            raise RemoteError("The file was replaced while it was read", "It has another size now.")
        self.size = total
        return last - first + 1


def read_remote(sources: Sequence[RemoteSource]) -> Header:
    """The header of a model in one file, or in several: its parts, in order.

    Raises:
        GgufError: a file is not GGUF, damaged, shorter than its header says, or part of another model.
        RemoteError: as `RemoteSource`.
    """
    return joined([parse_header(source) for source in sources])


def _take(response: httpx2.Response, size: int) -> bytes:
    """The first `size` bytes of the body; what follows is left in the connection, which is closed."""
    parts: list[bytes] = []
    missing = size
    for chunk in response.iter_raw():
        parts.append(chunk[:missing])
        missing -= len(parts[-1])
        if missing <= 0:
            break
    if missing > 0:
        raise RemoteError("The answer is too short", f"{missing} bytes of {size} are missing.")
    return b"".join(parts)


def _length(response: httpx2.Response) -> int:
    text = response.headers.get("content-length", "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise RemoteError("The server does not say how large the file is", "It gives no parts of files either.")
    return int(text)


def _strong(etag: str | None) -> str | None:
    """A tag that If-Range may carry: a weak one promises nothing about bytes."""
    return etag if etag and not etag.startswith("W/") else None


def _refused(response: httpx2.Response) -> RemoteError:
    status, code = response.status_code, clean_line(response.headers.get("x-error-code", ""), 40)
    said = f"HTTP status {status}" + (f", {code}" if code else "") + "."
    if status in (404, 410):
        return RemoteMissing("There is no such file", said, status=status, code=code)
    return RemoteError("The server does not give the file", said, status=status, code=code)
