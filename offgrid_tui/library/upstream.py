"""Compares a receipt with what its repository offers now. Only says: the files that are here never change by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.library.model import InstalledModel


class Upstream(StrEnum):
    """The value is the word in JSON; `SAID` the sentence."""

    CURRENT = "current"
    NEWER = "newer upstream"  # the repository went on; the file that is here is still the one it offers
    REPLACED = "replaced upstream"  # under the same name it offers other bytes
    GONE = "gone upstream"
    UNKNOWN = "unknown"  # no receipt to compare, or the repository states no hash


SAID = {
    Upstream.CURRENT: "The repository still offers these very bytes, at the same commit.",
    Upstream.NEWER: "The repository has a newer commit; this file in it is the same.",
    Upstream.REPLACED: "The repository offers other bytes under this name now.",
    Upstream.GONE: "The repository has no file of this name any more.",
    Upstream.UNKNOWN: "There is nothing to compare with.",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """What a repository offers now: its commit, and of each file its SHA-256 (None where it states none)."""

    commit: str
    files: Mapping[str, str | None]  # by path in the repository


def compare(model: InstalledModel, offered: Offered) -> Upstream:
    """How `model`, by its receipt, stands to what is offered. Files are matched by their names."""
    if not model.repository:
        return Upstream.UNKNOWN
    by_name = {path.rpartition("/")[2]: sha256 for path, sha256 in offered.files.items()}
    verdicts = set()
    for file in model.files:
        if file.path.name not in by_name:
            verdicts.add(Upstream.GONE if file.sha256 not in offered.files.values() else Upstream.CURRENT)
        elif file.sha256 is None or by_name[file.path.name] is None:
            verdicts.add(Upstream.UNKNOWN)
        elif by_name[file.path.name] != file.sha256:
            verdicts.add(Upstream.REPLACED)
    for worst in (Upstream.REPLACED, Upstream.GONE, Upstream.UNKNOWN):
        if worst in verdicts:
            return worst
    return Upstream.NEWER if model.revision and offered.commit != model.revision else Upstream.CURRENT
