"""One file at the far end: the hub's own address, the link that it gives, and the bytes from an offset on.

The hub answers for a large file with a link to storage elsewhere, which expires. It is kept until it is refused; then
the hub is asked again. What the hub says on the way (commit, size, SHA-256) is what the bytes are held to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from offgrid_tui.catalog.hub.errors import FileMissing, Gated, RepositoryMissing, RevisionMissing, TokenRejected
from offgrid_tui.downloads.contract import OrderedFile
from offgrid_tui.downloads.errors import LinkRefused, WrongLength, WrongRange
from offgrid_tui.foundation.errors import NotFoundError, OffGridError, RefusedError
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.errors import BadAnswer

if TYPE_CHECKING:
    import httpx2

_HOPS = 10
_EXPIRED = (401, 403, 404, 410)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_BEYOND = re.compile(r"bytes \*/(\d{1,18})")
_SHA256 = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_ETAG = re.compile(r'"[!-~]{1,200}"')  # strong ones alone can be compared for ranges


@dataclass(frozen=True, slots=True)
class Promised:
    """What the hub says of the file; empty where it says nothing."""

    commit: str = ""
    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes from `offset` on (0 where the server can't go on with what is here), until `ends`, if that is known."""

    response: httpx2.Response
    host: str
    offset: int
    ends: int | None
    size: int | None  # of the whole
    etag: str
    sized: bool = True  # whether the server itself said how much comes

    def pieces(self) -> Iterator[bytes]:
        """The bytes as they come.

        Raises:
            WrongLength: more than the server had said.
            NetworkError, BadAnswer: as network/guard.py.
        """
        at = self.offset
        for piece in self.response.iter_raw():
            at += len(piece)
            if self.ends is not None and at > self.ends:
                raise WrongLength(self.host, self.ends, None)
            yield piece


class Remote:
    """`file`, asked for through `client`."""

    def __init__(self, access: NetworkAccess, client: httpx2.Client, file: OrderedFile) -> None:
        self._access = access
        self._client = client
        self._file = file
        self._link = ""
        self.promised = Promised()

    def look(self) -> None:
        """Ask the hub for a link, and what it promises with it; nothing where there is one, or no hub to ask.

        Raises:
            as `open`.
        """
        if self._file.hub and not self._link:
            response, _ = self._follow(self._file.address, {}, method="HEAD")
            response.close()

    def open(self, offset: int, etag: str, etag_host: str) -> Answer | None:
        """The bytes from `offset` on; None where there are none behind it.

        Args:
            etag: what `etag_host` called the file that is here in part.

        Raises:
            NotFoundError, RefusedError: the hub says no.
            NetworkError, TooManyRequests, BadAnswer: try again later.
        """
        for _ in range(2):
            fresh = not self._link
            headers = {"range": f"bytes={offset}-"} if offset else {}
            if fresh and self._file.hub:
                self.look()
            address = self._link or self._file.address
            host = urlsplit(address).hostname or ""
            if offset and etag and host == etag_host:
                headers["if-range"] = etag
            response, address = self._follow(address, headers)
            if response.status_code in _EXPIRED and self._link:
                response.close()
                self._link = ""
                if fresh:
                    raise LinkRefused(host, response.status_code)
                continue
            try:
                return self._answer(response, urlsplit(address).hostname or "", offset)
            except BaseException:
                response.close()
                raise
        raise LinkRefused(host, response.status_code)

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, address: str, headers: dict[str, str], *, method: str = "GET") -> tuple[httpx2.Response, str]:
        """The first answer that sends nowhere else, and its address. Where the hub sends on, its link is kept; a HEAD
        is for that alone."""
        for _ in range(_HOPS):
            response = self._client.send(
                self._client.build_request(method, address, headers=headers), stream=True, follow_redirects=False
            )
            at_hub = self._file.hub and _origin(address) == _origin(self._file.address)
            if at_hub:
                self._hear(response)
            if response.status_code not in (301, 302, 303, 307, 308):
                if at_hub and response.status_code >= 400 and response.status_code not in (405, 416):
                    try:
                        raise self._refusal(response)
                    finally:
                        response.close()
                if at_hub and method == "HEAD":
                    self._link = address  # a small file, which the hub keeps itself
                return response, address
            target = response.headers.get("location", "")
            response.close()
            if not target:
                raise BadAnswer(urlsplit(address).hostname or "", "It sends elsewhere, but not where to")
            address = urljoin(address, target)
            if urlsplit(address).scheme not in ("http", "https"):
                raise BadAnswer(urlsplit(self._file.address).hostname or "", "It sends to what is no web address")
            if at_hub and _origin(address) != _origin(self._file.address):
                self._link = address
                if method == "HEAD":
                    return response, address
        raise BadAnswer(
            urlsplit(self._file.address).hostname or "", f"It sends from one address to the next {_HOPS} times"
        )

    def _hear(self, response: httpx2.Response) -> None:
        headers, known = response.headers, self.promised
        commit, size = headers.get("x-repo-commit", ""), headers.get("x-linked-size", "")
        digest = _SHA256.fullmatch(headers.get("x-linked-etag", "").strip())
        self.promised = Promised(
            commit if _COMMIT.fullmatch(commit) else known.commit,
            int(size) if size.isascii() and size.isdigit() and len(size) < 19 else known.size,
            digest[1] if digest else known.sha256,
        )

    def _refusal(self, response: httpx2.Response) -> OffGridError:
        """The hub's own no; as catalog/hub/api.py says it."""
        code, status, token = response.headers.get("x-error-code", ""), response.status_code, self._access.token()
        repository, hub = self._file.repository, self._access.hub
        match code:
            case "GatedRepo":
                return Gated(repository, f"{hub}/{repository}", known=token is not None)
            case "RevisionNotFound":
                return RevisionMissing(repository, self._file.address.partition("/resolve/")[2].partition("/")[0])
            case "EntryNotFound":
                return FileMissing(repository, self._file.name)
            case "RepoNotFound":
                return RepositoryMissing(repository, known=token is not None)
        if status == 401 and token is not None:
            return TokenRejected(self._access.hub_host, token.source)
        if status in (401, 404):
            return RepositoryMissing(repository, known=token is not None)
        return BadAnswer(self._access.hub_host, f"HTTP status {status}")

    # ── the answer ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, response: httpx2.Response, host: str, offset: int) -> Answer | None:
        status, headers = response.status_code, response.headers
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise BadAnswer(host, "It sends the file in another form than it was asked for")
        etag = headers.get("etag", "")
        etag = etag if _ETAG.fullmatch(etag) else ""
        if status == 206:
            return self._range(response, host, offset, etag)
        if status == 416:
            match = _BEYOND.fullmatch(headers.get("content-range", ""))
            response.close()
            if match and int(match[1]) == offset:
                return None
            raise WrongRange(host, offset)
        if status != 200:
            raise _said_no(host, self._file.name, status)
        length = headers.get("content-length", "")
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
        ends = self._sized(host, size)
        return Answer(response, host, 0, ends, size or self._file.size, etag, sized=size is not None)

    def _range(self, response: httpx2.Response, host: str, offset: int, etag: str) -> Answer:
        match = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if match is None or int(match[1]) != offset or not offset:
            raise WrongRange(host, offset)
        size = None if match[3] == "*" else int(match[3])
        ends = int(match[2]) + 1
        if size is not None and ends != size:
            raise WrongRange(host, offset)
        return Answer(response, host, offset, self._sized(host, size or ends), size, etag)

    def _sized(self, host: str, size: int | None) -> int | None:
        """The length, where it is the one that the file has to have."""
        expected = self._file.size if self._file.size is not None else self.promised.size
        if size is not None and expected is not None and size != expected:
            raise WrongLength(host, expected, size)
        return size if size is not None else expected


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port


def _said_no(host: str, name: str, status: int) -> OffGridError:
    if status in (404, 410):
        return NotFoundError(f"{host} has no file {name}", detail=f"It answered with HTTP status {status}.")
    if status in (401, 403):
        return RefusedError(
            f"{host} does not give {name} away", detail=f"It answered with HTTP status {status}.", mend="Ask its owner."
        )
    return BadAnswer(host, f"HTTP status {status}")
