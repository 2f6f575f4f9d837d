"""Downloads as plain data: what is on its way here, and how far. Sizes in bytes, times in Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.foundation.errors import ExitCode, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.library.model import ModelState


class DownloadState(StrEnum):
    """Where a download stands; `MOVES` says what may follow what."""

    QUEUED = "queued"
    DOWNLOADING = "downloading"
    WAITING = "waiting"  # for what `Waiting` says; ends by itself
    VERIFYING = "verifying"  # everything is here: its hashes and its header are compared, and it is put in place
    PAUSED = "paused"
    INSTALLED = "installed"
    FAILED = "failed"  # `Download.problem` says why, and what to do
    CANCELLED = "cancelled"


class Waiting(StrEnum):
    """What a waiting download waits for."""

    NETWORK = "network"
    SPACE = "space"
    REST = "rest"  # the other side wants to be left alone for a while
    OFFGRID = "off-grid mode"


S = DownloadState

MOVES: dict[DownloadState, frozenset[DownloadState]] = {
    S.QUEUED: frozenset({S.DOWNLOADING, S.WAITING, S.VERIFYING, S.PAUSED, S.INSTALLED, S.FAILED, S.CANCELLED}),
    S.DOWNLOADING: frozenset({S.QUEUED, S.WAITING, S.VERIFYING, S.PAUSED, S.INSTALLED, S.FAILED, S.CANCELLED}),
    S.WAITING: frozenset({S.QUEUED, S.DOWNLOADING, S.VERIFYING, S.PAUSED, S.INSTALLED, S.FAILED, S.CANCELLED}),
    S.VERIFYING: frozenset({S.QUEUED, S.INSTALLED, S.FAILED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLED}),
    S.INSTALLED: frozenset({S.QUEUED}),  # it was removed since, and is wanted again
    S.FAILED: frozenset({S.QUEUED, S.CANCELLED}),
    S.CANCELLED: frozenset({S.QUEUED, S.CANCELLED}),  # again: to have the part deleted after all
}

ACTIVE = frozenset({S.DOWNLOADING, S.WAITING, S.VERIFYING})  # somebody works on it
UNDER_WAY = ACTIVE | {S.QUEUED}  # it will arrive without anybody doing anything
ENDED = frozenset({S.INSTALLED, S.FAILED, S.CANCELLED})

SHOWN: dict[DownloadState, ModelState] = {
    S.QUEUED: ModelState.QUEUED,
    S.DOWNLOADING: ModelState.DOWNLOADING,
    S.WAITING: ModelState.WAITING,
    S.VERIFYING: ModelState.VERIFYING,
    S.PAUSED: ModelState.PAUSED,
}  # how a list of models shows it; the others are no arrivals


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that outlives the process which met it."""

    title: str
    detail: str = ""
    mend: str = ""
    code: int = int(ExitCode.FAILED)

    @classmethod
    def of(cls, error: OffGridError) -> Problem:
        return cls(clean_line(error.title), clean(error.detail), clean(error.mend), int(error.exit_code))

    def error(self) -> OffGridError:
        """It, to be raised or shown."""
        found = OffGridError(self.title, detail=self.detail, mend=self.mend)
        found.exit_code = ExitCode(self.code) if self.code in set(ExitCode) else ExitCode.FAILED
        return found


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """One file of a download: `path` in `repository`, or at `url`. `received` counts what is on disk for sure."""

    path: str
    size: int | None
    sha256: str | None  # that was promised: by the catalog, else by the hub
    role: str = "weights"  # as in catalog/model.py
    repository: str = ""
    url: str = ""  # where it lies in no repository
    received: int = 0


@dataclass(frozen=True, slots=True)
class Download:
    """A model on its way here: all of its files, or nothing."""

    id: str
    key: str  # of the catalog's variant; one download for each
    name: str
    files: tuple[DownloadFile, ...]  # weights first, in the order of their parts
    state: DownloadState
    created: float
    updated: float
    quantisation: str = ""
    repository: str = ""
    revision: str = ""  # the commit that is pinned; empty until the hub named one
    publisher: str = ""
    waiting: Waiting | None = None
    problem: Problem | None = None  # why it failed, or what it waits for, in words
    priority: int = 0  # higher goes first
    position: float = 0.0  # in the queue, among those of one priority
    done: int = 0  # never less than was shown before
    model: str = ""  # id of the installed model
    holder: str = ""  # the process that works on it (system/identity.py)
    discard: bool = False  # its part is to be deleted

    @property
    def total(self) -> int | None:
        """Of all files; None while the size of one is not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def label(self) -> str:
        """Name and quantisation, and how many files, as a list shows it."""
        text = f"{self.name} {self.quantisation}".strip()
        return f"{text} ({len(self.files)} files)" if len(self.files) > 1 else text

    @property
    def fraction(self) -> float | None:
        """0 to 1; None where the size is not known."""
        total = self.total
        return min(1.0, self.done / total) if total else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is now. `done` never runs backwards; `verified` counts bytes whose hash has been computed:
    less than `done` while what was here before is read again."""

    id: str
    state: DownloadState
    done: int
    total: int | None
    verified: int
    rate: float | None = None  # bytes in a second, over the last seconds
    eta: float | None = None  # seconds
    file: str = ""  # that is arriving now


def may(now: DownloadState, then: DownloadState) -> bool:
    """Whether `then` may follow `now`; staying is always allowed."""
    return now is then or then in MOVES[now]


def require(download: Download, then: DownloadState) -> None:
    """Go on only if `download` may go to `then`.

    Raises:
        RefusedError: it may not; says what it is.
    """
    if not may(download.state, then):
        raise RefusedError(
            f"{download.name} is {download.state.value}, so it can't become {then.value}",
            detail=_WHY.get(download.state, ""),
            mend=_MEND.get(download.state, ""),
        )


_WHY = {
    S.VERIFYING: "All of it is here, and is being put in place.",
    S.INSTALLED: "All of it is here.",
    S.PAUSED: "It is paused.",
    S.FAILED: "It ended with an error.",
    S.CANCELLED: "It was cancelled.",
}
_MEND = {
    S.VERIFYING: "Wait until that is done.",
    S.PAUSED: "Resume it with `offgrid downloads resume`.",
    S.FAILED: "Try it again with `offgrid downloads retry`.",
    S.CANCELLED: "Try it again with `offgrid downloads retry`.",
}
