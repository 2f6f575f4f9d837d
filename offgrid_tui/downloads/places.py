"""Where a download's files lie until they are whole: one folder for each, below `.incoming` in the models folder, on
the disk that they are for, so that the last step is a rename."""

from __future__ import annotations

from pathlib import Path

PREFIX = "download-"
LOCK = "lock"  # held by the mover: the kernel lets go of it when that dies, whatever a clock says
STATUS = "status.json"  # how far a mover is, for those that have no pipe to it
STOP = "stop"  # a file whose being there asks such a mover to stop
MOVE = "journal.json"  # the library's own: all files are whole, and are being put in place (library/staging.py)


def folder_of(incoming: Path, id: str) -> Path:
    return incoming / f"{PREFIX}{id}"


def part_of(folder: Path, number: int) -> Path:
    """File `number` while it arrives; the name that library/staging.py moves from."""
    return folder / f"{number:04}.part"


def journal_of(folder: Path, number: int) -> Path:
    """How much of it is on disk for sure."""
    return folder / f"{number:04}.journal"


def aside_of(folder: Path, number: int) -> Path:
    """Bytes that were not what was promised."""
    return folder / f"{number:04}.bad"
