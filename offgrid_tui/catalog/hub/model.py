"""What is asked of the hub, and what it answered, as plain data. Sizes in bytes, times in Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.foundation.errors import OffGridError


class Sort(StrEnum):
    """What comes first."""

    DOWNLOADS = "downloads"  # of the last thirty days
    LIKES = "likes"
    TRENDING = "trending"
    NEWEST = "newest"  # changed last


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. Only repositories with GGUF files are ever found."""

    text: str = ""  # words that the repository's name has to hold
    author: str = ""
    quantisation: str = ""  # Q4_K_M; in any case
    max_size: int | None = None  # of all files of the variant
    sort: Sort = Sort.DOWNLOADS
    page: int = 1
    limit: int = 20  # models on a page


@dataclass(frozen=True, slots=True)
class Found:
    """One page of models; of each those variants that were asked for.

    Attributes:
        more: there are, or may be, further pages.
        cached: nobody was asked: it comes from what was seen before, and `seen` says when (of the oldest of it).
        problem: why nobody could be asked, where that was wanted.
        unsized: models left out because a size was asked for and theirs is not known.
    """

    search: Search
    models: tuple[CatalogModel, ...]
    more: bool
    cached: bool
    seen: float | None
    problem: OffGridError | None = None
    unsized: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """One repository with all its files; `cached`, `seen` and `problem` as in `Found`."""

    model: CatalogModel
    commit: str
    cached: bool
    seen: float
    problem: OffGridError | None = None
    refused: tuple[str, ...] = ()  # files that were left out, and why: names that lead out of the repository …


@dataclass(frozen=True, slots=True)
class Newest:
    """What a repository holds now, whatever kind of file: what a receipt is compared with."""

    commit: str
    updated: float | None  # when that was made
    files: Mapping[str, str | None]  # path, as the hub writes it -> SHA-256, None where it knows none
