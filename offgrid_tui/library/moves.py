"""Which state of a model may follow which."""

from __future__ import annotations

from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import ModelState

S = ModelState

# A state is derived from files and transfers, so this table is what any two looks at one model may find one after the
# other, and what a command may ask for. Bytes that appear by themselves (a copied file, another tool's) make a model
# installed at once.
MOVES: dict[ModelState, frozenset[ModelState]] = {
    S.AVAILABLE: frozenset({S.UNAVAILABLE, S.QUEUED, S.WAITING, S.DOWNLOADING, S.VERIFYING, S.INSTALLED}),
    S.UNAVAILABLE: frozenset({S.AVAILABLE, S.VERIFYING, S.INSTALLED}),
    S.QUEUED: frozenset({S.WAITING, S.DOWNLOADING, S.PAUSED, S.VERIFYING, S.INSTALLED, S.AVAILABLE, S.UNAVAILABLE}),
    S.WAITING: frozenset({S.QUEUED, S.DOWNLOADING, S.PAUSED, S.INSTALLED, S.AVAILABLE, S.UNAVAILABLE}),
    S.DOWNLOADING: frozenset({S.WAITING, S.PAUSED, S.QUEUED, S.VERIFYING, S.AVAILABLE, S.UNAVAILABLE}),
    S.PAUSED: frozenset({S.QUEUED, S.WAITING, S.DOWNLOADING, S.INSTALLED, S.AVAILABLE, S.UNAVAILABLE}),
    S.VERIFYING: frozenset({S.INSTALLED, S.ACTIVE, S.BROKEN, S.AVAILABLE, S.UNAVAILABLE}),
    S.INSTALLED: frozenset({S.ACTIVE, S.VERIFYING, S.BROKEN, S.AVAILABLE, S.UNAVAILABLE}),
    S.ACTIVE: frozenset({S.INSTALLED, S.VERIFYING, S.BROKEN, S.AVAILABLE, S.UNAVAILABLE}),
    S.BROKEN: frozenset({S.VERIFYING, S.INSTALLED, S.QUEUED, S.AVAILABLE, S.UNAVAILABLE}),
}

_WHY = {
    S.AVAILABLE: "It is not here yet.",
    S.UNAVAILABLE: "It cannot be had.",
    S.QUEUED: "It is still waiting for its download.",
    S.WAITING: "Its download waits for the network or for space.",
    S.DOWNLOADING: "It is still arriving.",
    S.PAUSED: "Its download is paused.",
    S.VERIFYING: "Its files are being read just now.",
    S.BROKEN: "Its files are not what they were.",
}
_MEND = {
    S.AVAILABLE: "Get it first.",
    S.VERIFYING: "Wait until that is done.",
    S.BROKEN: "Check it with `offgrid verify`, or get it again.",
    S.PAUSED: "Resume the download.",
}


def may(now: ModelState, then: ModelState) -> bool:
    """Whether `then` may follow `now`; staying is always allowed."""
    return now is then or then in MOVES[now]


def require(name: str, now: ModelState, then: ModelState) -> None:
    """Go on only if a model called `name` may go from `now` to `then`.

    Raises:
        RefusedError: it may not; says why in words.
    """
    if not may(now, then):
        raise RefusedError(
            f"{clean_line(name)} is {now.value}, so it can't become {then.value}",
            detail=_WHY.get(now, ""),
            mend=_MEND.get(now, ""),
        )
