"""What can go wrong with bytes on their way here."""

from __future__ import annotations

from offgrid_tui.foundation.errors import DamagedError, NotFoundError, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.network.errors import BadAnswer, NetworkError


class ReplacedUpstream(RefusedError):
    """What lies under this name now is not what the catalog vouches for."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(
            f"{clean_line(name)} was replaced upstream",
            detail=f"Expected {expected}; the hub has {found} there now. Nothing of it was taken.",
            mend="Look for another variant (`offgrid show NAME`), or for an update of the catalog.",
        )


class HashDiffers(DamagedError):
    """All bytes came, and they are others than were promised."""

    def __init__(self, name: str, expected: str, found: str, aside: str) -> None:
        super().__init__(
            f"The hash of {clean_line(name)} differs",
            detail=f"Expected SHA-256 {expected}, got {found}. Not installed; kept as {clean_line(aside)}.",
            mend="Retry: it is fetched anew. If it differs again, tell whoever runs the server or the mirror.",
        )


class NotAModel(DamagedError):
    """All bytes came, as promised or with no promise, and they are no model."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{clean_line(name)} arrived, but can't be used as a model",
            detail=clean_line(why, 500),
            mend="Cancel the download to free its space, and choose another file.",
        )


class WrongLength(BadAnswer):
    """A server speaks of another length than the file has."""

    def __init__(self, host: str, expected: int | None, found: int | None) -> None:
        there = "more than it said" if found is None else f"{found} bytes"
        said = "no length" if expected is None else f"{expected} bytes"
        super().__init__(host, f"The file has {said}; it sends {there}")
        self.endless = found is None  # what came of it may be anything


class WrongRange(BadAnswer):
    """A server sends other bytes than were asked for."""

    def __init__(self, host: str, offset: int) -> None:
        super().__init__(host, f"It was asked for the bytes from {offset} on, and sends others")


class LinkRefused(NetworkError):
    """Storage behind the hub does not honour the address that the hub gave just now."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(
            f"{clean_line(host)} refuses the link that the hub gave",
            detail=f"It answered with HTTP status {status} to a new link.",
            mend="Try again later; behind a proxy, ask its owner.",
        )
        self.host, self.status = host, status


class Stalled(NetworkError):
    """Bytes come so slowly that a new connection is worth trying."""

    def __init__(self, host: str, seconds: float, received: int) -> None:
        super().__init__(
            f"{clean_line(host)} has nearly stopped sending",
            detail=f"{bytes_text(received)} came within {seconds:.0f} s.",
            mend="Nothing needs to be done: it is tried again.",
        )
        self.host = host


class DiskFull(OffGridError):
    """There is no room for the next bytes; nothing that came is lost."""

    def __init__(self, folder: str, needed: int | None, free: int | None) -> None:
        detail = "The disk is full."
        if needed is not None and free is not None:
            detail = f"{bytes_text(needed)} are still to come and to be left free; {bytes_text(free)} are."
        super().__init__(
            f"There is no room in {clean_line(folder)}",
            detail=f"{detail} What came is kept.",
            mend="Free some space (`offgrid storage` shows what takes it): it goes on by itself.",
        )


class FileTooLarge(OffGridError):
    """The filesystem holds no file of this size."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__(
            f"{clean_line(name)} is too large for this filesystem",
            detail=f"It took {bytes_text(size)} (FAT32 takes 4.3 GB at most; `ulimit -f` may set a limit too).",
            mend="Move the models to another disk: `offgrid storage --move FOLDER`.",
        )


class MoverDied(OffGridError):
    """The process that moves the bytes ended again and again."""

    def __init__(self, words: str, log: str) -> None:
        super().__init__(
            "The process that moves the bytes keeps ending",
            detail=f"It {clean_line(words)}; {clean_line(log, 300)} may say why.",
            mend="Retry; what came is kept.",
        )


class NoDownload(NotFoundError):
    def __init__(self, text: str) -> None:
        super().__init__(f"There is no download {clean_line(text)}", mend="`offgrid downloads` shows all of them.")
