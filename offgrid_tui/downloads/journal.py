"""What is known for sure about a part: written after its bytes were forced to disk, so it never says too much."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offgrid_tui.downloads.places import journal_of, part_of
from offgrid_tui.system.durable import atomic_write

FORM = 1
_LARGEST = 2**16  # bytes


@dataclass(frozen=True, slots=True)
class Journal:
    """`source` names what the bytes are of: a part of something else is not gone on with."""

    source: str
    offset: int = 0  # bytes that are on disk
    sha256: str = ""  # of the whole; empty until it is whole
    etag: str = ""  # as `host` gave it, for If-Range
    host: str = ""
    size: int | None = None  # of the whole, where somebody said it
    commit: str = ""
    promised: str = ""  # the SHA-256 that the hub states

    @property
    def whole(self) -> bool:
        return bool(self.sha256)


def read_journal(path: Path) -> Journal | None:
    """None where there is none that can be used."""
    try:
        with path.open("rb") as stream:
            value = json.loads(stream.read(_LARGEST))
        if value.pop("form") != FORM:
            return None
        found = Journal(**value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if isinstance(found.offset, int) and found.offset >= 0 else None


def write_journal(path: Path, journal: Journal) -> None:
    """Raises OSError: it can't be written; the one before stands."""
    atomic_write(path, json.dumps({"form": FORM, **asdict(journal)}))


def sure_sizes(folder: Path, known: Sequence[int]) -> list[int]:
    """Of each file the bytes that are on disk for sure; as `known` where no journal says it."""
    found = []
    for number, size in enumerate(known):
        journal = read_journal(journal_of(folder, number))
        found.append(size if journal is None else journal.offset)
    return found


def written_size(folder: Path, known: Sequence[int]) -> int:
    """Bytes of all parts, sure or not; as `known` of files that have none."""
    total = 0
    for number, size in enumerate(known):
        try:
            total += part_of(folder, number).stat().st_size
        except OSError:
            total += size
    return total
