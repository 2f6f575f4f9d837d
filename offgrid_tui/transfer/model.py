"""Bundles as plain data. Sizes in bytes; paths inside a bundle are relative to its root, with slashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from offgrid_tui.library.model import Facts, InstalledModel


@dataclass(frozen=True, slots=True)
class Piece:
    """A file on the medium: a whole file of a model, or a part of one that begins at `start`."""

    path: str
    start: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file of a model; `path` is where it stands, or would stand if it were whole."""

    path: str
    size: int
    sha256: str
    role: str  # as in catalog/model.py
    pieces: tuple[Piece, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def whole(self) -> bool:
        return len(self.pieces) == 1 and self.pieces[0].path == self.path


_NONE = Facts()


@dataclass(frozen=True, slots=True)
class BundleModel:
    """A model in a bundle, with what its receipt said where it was exported."""

    name: str
    files: tuple[BundleFile, ...]  # weights first, in the order of their parts
    facts: Facts = _NONE
    repository: str = ""
    revision: str = ""
    publisher: str = ""
    catalog: str = ""
    installed: float = 0.0  # Unix seconds, there
    check: str = ""  # a word of library/model.py's Check, there; a claim
    papers: tuple[str, ...] = ()  # receipts and licences beside it

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def hashes(self) -> tuple[str, ...]:
        return tuple(file.sha256 for file in self.files)

    @property
    def label(self) -> str:
        return f"{self.name} {self.facts.quantisation}".strip()


@dataclass(frozen=True, slots=True)
class Manifest:
    models: tuple[BundleModel, ...]
    created: float  # Unix seconds
    program: str  # who wrote it: offgrid 0.2


class Vouched(StrEnum):
    """Who vouches for a bundle."""

    TRUSTED = "trusted"  # the signature is good, and of a key that is trusted here
    UNKNOWN = "unknown"  # the signature is good, of a key that is not
    UNCHECKED = "unchecked"  # there is a signature, but no key to check it with
    REVOKED = "revoked"  # of a key that was trusted and is no more
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Signer:
    """What is known about who signed. `fingerprint` is the key's, or of a key that is not here what the signature
    calls it."""

    vouched: Vouched
    fingerprint: str = ""
    name: str = ""  # under which the key is known here
    public_key: Path | None = None  # beside the bundle


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose structure and small files were checked; its models' bytes are checked when they are read."""

    root: Path
    manifest: Manifest
    signer: Signer
    damaged: Mapping[str, str]  # path of a piece that is missing or cut short -> why

    @property
    def models(self) -> tuple[BundleModel, ...]:
        return self.manifest.models


class Standing(StrEnum):
    """What a model of a bundle is against what is here; the value is the word in JSON and in lists."""

    NEW = "new"
    SAME = "same"
    NEWER = "newer"  # the same file of the same repository, but later bytes than those here
    OLDER = "older"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Compared:
    """One model of a bundle; `here` is what it is compared with."""

    model: BundleModel
    standing: Standing
    here: InstalledModel | None = None
    problem: str = ""
