"""The transport under every HTTP client of ours: asks the policy, keeps the time, carries the token, bounds the answer.

What leaves this machine passes here hop by hop: a redirect to another host is a new question to the policy. A library
above may pass no time-out at all, retry for minutes or follow whatever address a server names; below it, each request
gets what is left of the call's time, and what fails is raised as an error of ours, which no library retries.

Imported only by who speaks outward: httpx2 takes some 100 ms to load.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.units import duration
from offgrid_tui.network.errors import BadAnswer, ServerFailed, TooLarge, TooManyRequests, TooSlow, Unreachable
from offgrid_tui.network.policy import NetworkPolicy, stays_here
from offgrid_tui.network.token import Token

_RATE = re.compile(r"\br\s*=\s*0\b.*?\bt\s*=\s*(\d{1,9})")  # nothing left, and the seconds until there is more
_LEAST = 0.05  # seconds that a step is given when the time is as good as over


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may take."""

    purpose: str  # as a user would say it: "search Hugging Face"
    ends: float  # on the monotonic clock
    seconds: float  # that it had in all
    silence: float  # longest wait for the next byte
    largest: int | None  # bytes of one answer; None: no bound


@dataclass(frozen=True, slots=True)
class Way:
    """How a host is reached: the transport, and the host of the proxy where one stands between."""

    transport: httpx2.BaseTransport
    proxy: str | None = None


class Guard:
    """Carries requests out within `Bounds`.

    Args:
        way: how to reach a host, by scheme and name.
        token: the token for an origin (scheme, host, port), or None.
    """

    def __init__(
        self,
        policy: NetworkPolicy,
        way: Callable[[str, str], Way],
        token: Callable[[str], Token | None],
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._way = way
        self._token = token
        self._clock = clock

    def send(self, request: httpx2.Request, bounds: Bounds) -> httpx2.Response:
        """The answer to one request, its body yet to be read.

        Raises:
            RefusedError: off-grid mode.
            NetworkError, TooManyRequests, BadAnswer, BadSetting: as their names say.
        """
        scheme, host = request.url.scheme, request.url.host
        if scheme not in ("http", "https") or not host:
            raise BadAnswer(host or "the server", "It names an address that can't be spoken to")
        self._policy.require(bounds.purpose, host)  # before its name is resolved
        way = self._way(scheme, host)
        if way.proxy is not None:
            self._policy.require(bounds.purpose, way.proxy)
        outgoing = httpx2.Request(
            request.method,
            request.url,
            headers=self._headers(request),
            stream=request.stream,
            extensions={**request.extensions, "timeout": self._timeout(host, bounds)},
        )
        with _translated(host, way.proxy, bounds):
            response = way.transport.handle_request(outgoing)
        if not isinstance(response.stream, httpx2.SyncByteStream):
            raise TypeError("a transport gave a stream that can't be read without a loop")
        body = _Body(response.stream, host, way.proxy, bounds, self._clock)
        if (problem := _problem(host, response)) is not None:
            body.close()
            raise problem
        response.stream = body
        return response

    def _headers(self, request: httpx2.Request) -> httpx2.Headers:
        """The request's own, with our token where it belongs and nowhere else: neither a redirect nor a page's link
        to the next one takes it to another host."""
        headers = request.headers.copy()
        for name in ("authorization", "cookie"):
            headers.pop(name, None)
        headers["accept-encoding"] = "identity"  # a few bytes could unpack to gigabytes
        if request.url.scheme == "https" or stays_here(request.url.host):
            token = self._token(origin_of(request.url))
            if token is not None:
                headers["authorization"] = f"Bearer {token.value}"
        return headers

    def _timeout(self, host: str, bounds: Bounds) -> dict[str, float]:
        left = bounds.ends - self._clock.monotonic()
        if left <= 0:
            raise TooSlow(host, bounds.seconds)
        step = max(_LEAST, min(left, bounds.silence))
        return {"connect": step, "read": step, "write": step, "pool": step}


class GuardedTransport(httpx2.BaseTransport):
    """A client's transport for one call. Closing it leaves the connections to the next call."""

    def __init__(self, guard: Guard, bounds: Bounds) -> None:
        self._guard = guard
        self._bounds = bounds

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self._guard.send(request, self._bounds)


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port of an address: what a token belongs to."""
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    return f"{url.scheme}://{url.host}:{port}"


class _Body(httpx2.SyncByteStream):
    """An answer's body, read within the bounds."""

    def __init__(
        self, stream: httpx2.SyncByteStream, host: str, proxy: str | None, bounds: Bounds, clock: Clock
    ) -> None:
        self._stream = stream
        self._host = host
        self._proxy = proxy
        self._bounds = bounds
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        size, bounds = 0, self._bounds
        with _translated(self._host, self._proxy, bounds):
            for chunk in self._stream:
                size += len(chunk)
                if bounds.largest is not None and size > bounds.largest:
                    raise TooLarge(self._host, bounds.largest)
                if self._clock.monotonic() > bounds.ends:
                    raise TooSlow(self._host, bounds.seconds)
                yield chunk

    def close(self) -> None:
        self._stream.close()


def _problem(host: str, response: httpx2.Response) -> OffGridError | None:
    """The error of a status that says "later"; other statuses are for the caller to judge."""
    status = response.status_code
    if status == 429:
        return TooManyRequests(host, _wait(response.headers))
    return ServerFailed(host, status, _wait(response.headers)) if status == 408 or status >= 500 else None


def _wait(headers: httpx2.Headers) -> float | None:
    """Seconds, by the `ratelimit` header or Retry-After (of which only the form in seconds is in use here)."""
    if match := _RATE.search(headers.get("ratelimit", "")):
        return float(match[1])
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


@contextmanager
def _translated(host: str, proxy: str | None, bounds: Bounds) -> Iterator[None]:
    """Errors of httpx2 as ours. Their texts are not quoted: they may name an address with a signature in it."""
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise Unreachable(proxy or host, f"It takes no connection within {duration(bounds.silence)}") from error
    except httpx2.TimeoutException as error:
        raise TooSlow(host, min(bounds.silence, bounds.seconds)) from error
    except httpx2.ProxyError as error:
        raise Unreachable(host, f"The proxy {proxy} refuses") from error
    except httpx2.ConnectError as error:
        raise Unreachable(proxy or host, _why(error)) from error
    except httpx2.NetworkError as error:
        raise Unreachable(host, "The connection broke") from error
    except httpx2.TransportError as error:
        raise BadAnswer(host, "It does not keep to HTTP") from error


def _why(error: BaseException) -> str:
    """Why no connection came about, from what lies under the error."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"Its certificate is not trusted: {cause.verify_message}"
            case ssl.SSLError():
                return "It does not speak TLS as expected"
            case socket.gaierror():
                return "Its name is not known here"
            case ConnectionRefusedError():
                return "It takes no connections"
            case OSError() if cause.strerror:
                return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return "No connection came about"
