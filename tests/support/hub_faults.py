"""What the loopback hub can do wrong, and what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What a server can do wrong."""

    BLACK_HOLE = "takes the request and never answers"
    TRICKLE = "sends the answer a byte at a time"
    SLOW_HEADERS = "sends a header line now and then, for ever"
    ENDLESS = "sends a body without end"
    GARBAGE = "sends what is no JSON"
    WRONG_SHAPE = "sends JSON of another shape"
    DROP = "breaks the connection within the body"
    RATE_LIMIT = "429, come back in `wait` seconds"
    BUSY = "503, come back in `wait` seconds"
    REFUSE = "403, as an expired link"
    NO_RANGES = "sends the whole file whatever was asked"
    OTHER_RANGE = "sends another range than was asked"
    FLIP = "flips a bit of the body"
    STALL = "sends `after` bytes of the body, then nothing, without breaking the connection"
    CRAWL = "sends the body, after `after` bytes, a few bytes at a time"
    PORTAL = "answers with a page of its own, without a length"
    OTHER_LENGTH = "says that the file is seven bytes longer"
    REDIRECT = "sends elsewhere: to `target`"


@dataclass
class Rule:
    """Where and how often a fault happens."""

    fault: Fault
    server: str | None
    path: str
    times: int | None
    wait: int
    target: str
    after: int


@dataclass(frozen=True)
class Request:
    """What was asked, as it came. `server` is "hub" or "cdn"."""

    server: str
    method: str
    path: str
    headers: Mapping[str, str]
    proxied: bool

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")
