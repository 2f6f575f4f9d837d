"""What can go wrong on the way to another machine. None of these texts carries a token or the query of an address."""

from __future__ import annotations

import math

from offgrid_tui.foundation.errors import BusyError, DamagedError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text, duration


class NetworkError(OffGridError):
    """Somebody could not be reached, or did not answer as they should. Trying again later may help."""


class Unreachable(NetworkError):
    """No connection came about, or it broke."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(
            f"{clean_line(host)} can't be reached",
            detail=f"{clean_line(why)}.",
            mend="Check the network; behind a proxy, set network.proxy and network.ca_file.",
        )
        self.host = host


class TooSlow(NetworkError):
    """An answer did not come, or not whole, within the time it was given."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(
            f"{clean_line(host)} did not answer in time",
            detail=f"It was given {duration(seconds)}.",
            mend="Try again later, or allow more time with network.deadline.",
        )
        self.host = host


class ServerFailed(NetworkError):
    """The other side says that the fault is its own. `wait` in seconds, where it said when to come back."""

    def __init__(self, host: str, status: int, wait: float | None = None) -> None:
        super().__init__(
            f"{clean_line(host)} failed",
            detail=f"It answered with HTTP status {status}.",
            mend="Try again later.",
        )
        self.host, self.status, self.wait = host, status, wait


class TooManyRequests(BusyError):
    """The other side wants to be asked less often. `wait` in seconds, where it said for how long."""

    def __init__(self, host: str, wait: float | None) -> None:
        when = "It does not say for how long." if wait is None else f"It wants to be left alone for {_minutes(wait)}."
        super().__init__(
            f"{clean_line(host)} was asked too often from here",
            detail=when,
            mend="Wait, and try again; with a token of your own more is allowed.",
        )
        self.host, self.wait = host, wait


class BadAnswer(DamagedError):
    """What came is not what was asked for."""

    def __init__(self, host: str, what: str) -> None:
        super().__init__(
            f"{clean_line(host)} gave an answer that makes no sense",
            detail=f"{clean_line(what)}.",
            mend="Try again; if a mirror or a proxy stands between, ask its owner.",
        )
        self.host = host


class TooLarge(BadAnswer):
    """The answer is longer than anything that was asked for can be."""

    def __init__(self, host: str, most: int) -> None:
        super().__init__(host, f"It is longer than {bytes_text(most)}")


class BadSetting(OffGridError):
    """A setting of the network can't be used."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key} can't be used", detail=f"{clean_line(what)}.", mend=f"Correct {key}.")


def _minutes(seconds: float) -> str:
    whole = math.ceil(seconds)
    return f"{whole} s" if whole < 120 else f"{math.ceil(whole / 60)} minutes"
