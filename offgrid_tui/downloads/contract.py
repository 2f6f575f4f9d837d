"""What the service and the mover say to each other: JSON lines over the mover's standard input and output.

The first line in is an `Order`. Then come commands, `{"do": …}`: "stop", "limit" (with "bytes"), "now" (wait no
longer), "stay" (go on after the other end of the pipe is gone). What comes back is one `Said` a line. Both are stable
within one version of OffGrid only: each end runs the same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.settings.schema import NetworkSettings

MAX_LINE = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a mover waits for what, in seconds; and how often it does what costs."""

    base: float = 1.0  # before the first new try; doubled with each, and varied by chance
    longest: float = 60.0  # between two tries
    rest: float = 900.0  # longest that a server's wish to be left alone is honoured
    stall: float = 30.0  # within which `least` bytes have to come
    least: int = 16 * 2**10
    tell: float = 0.25  # between two reports
    save: float = 30.0  # between two journals, where bytes come slowly
    space: float = 5.0  # between two looks at a full disk


@dataclass(frozen=True, slots=True)
class OrderedFile:
    """One file to fetch. `address` without a query of ours; `hub` where it is one of the hub's own addresses, which
    sends on to storage by a link that expires."""

    number: int
    name: str
    address: str
    size: int | None
    sha256: str | None
    repository: str = ""
    hub: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What a mover is to do. `network` goes over the pipe alone: it may hold a token and a password."""

    folder: str
    files: tuple[OrderedFile, ...]
    purpose: str  # as a user would say it
    network: NetworkSettings = field(default_factory=NetworkSettings, repr=False)
    limit: int | None = None  # bytes in a second
    interval: int = 64 * 2**20  # bytes between two journals
    reserve: int = 0  # bytes that stay free on the disk
    stay: bool = True  # go on when whoever gave the order is gone
    patience: Patience = Patience()


class Kind(StrEnum):
    """What a line from the mover tells."""

    PROGRESS = "progress"
    WAITING = "waiting"
    PINNED = "pinned"  # the hub named commit, size or hash of a file
    REACHED = "reached"  # another host, named in the title: for the ledger of who was spoken to
    ARRIVED = "arrived"  # one file, whole, on disk
    DONE = "done"  # all of them; the last line
    STOPPED = "stopped"  # as asked; the last line
    FAILED = "failed"  # the last line


@dataclass(frozen=True, slots=True)
class Said:
    """One line from the mover; what does not belong to its kind is empty."""

    kind: Kind
    file: int = 0
    done: int = 0  # bytes of the file that are written
    verified: int = 0  # of these, hashed
    size: int | None = None
    sha256: str = ""
    commit: str = ""
    waiting: str = ""  # a model.Waiting
    seconds: float = 0.0
    title: str = ""
    detail: str = ""
    mend: str = ""
    code: int = 1


def encode(value: Order | Said | Mapping[str, Any]) -> bytes:
    """As one line; what is empty is left out of what a mover says."""
    if isinstance(value, Said):
        plain = {name: item for name, item in asdict(value).items() if name == "kind" or item not in (None, "", 0, 0.0)}
        return json.dumps(plain, ensure_ascii=False).encode() + b"\n"
    plain = asdict(value) if isinstance(value, Order) else dict(value)
    return json.dumps(plain, ensure_ascii=False).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Raises DamagedError: it is none."""
    try:
        value = json.loads(line)
        value["files"] = tuple(OrderedFile(**item) for item in value["files"])
        value["network"] = NetworkSettings(**value["network"])
        value["patience"] = Patience(**value["patience"])
        return Order(**value)
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("This is no order for a mover", detail=type(error).__name__) from None


def decode_said(line: bytes) -> Said:
    """Raises DamagedError: it is none."""
    try:
        value = json.loads(line)
        return Said(**{**value, "kind": Kind(value["kind"])})
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("This is nothing that a mover says", detail=type(error).__name__) from None
