"""What is here, as plain data: installed models, their receipts and states. Sizes in bytes, times in Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from offgrid_tui.gguf.header import Header


class ModelState(StrEnum):
    """Where a model stands; `MOVES` says what may follow what."""

    AVAILABLE = "available"  # can be had
    UNAVAILABLE = "unavailable"  # cannot, and says why
    QUEUED = "queued"
    WAITING = "waiting"  # for the network, for space
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    VERIFYING = "verifying"
    INSTALLED = "installed"
    ACTIVE = "active"  # installed, and the one that answers
    BROKEN = "broken"  # files vanished or changed


class Origin(StrEnum):
    """How a model came here."""

    DOWNLOADED = "downloaded"
    IMPORTED = "imported"  # from a file, a stick or a folder: lies in our folder
    ADOPTED = "adopted"  # lies in another tool's folder, and is never changed or deleted by us
    BUNDLED = "bundled"  # inside the package


class Check(StrEnum):
    """What is known about the bytes of a model."""

    VERIFIED = "verified"  # their SHA-256 is the one that a source had promised
    UNVERIFIED = "unverified"  # nobody promised one; the one computed here is recorded
    UNKNOWN = "unknown"  # never computed: an adopted file that nobody has read yet
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """One file of an installed model as it was last seen."""

    path: Path
    size: int
    mtime: float
    sha256: str | None
    role: str = "weights"  # as in catalog/model.py


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header of a model says, kept so that lists need not read files."""

    architecture: str = ""
    parameters: int | None = None
    quantisation: str = ""
    context: int | None = None
    licence: str = ""
    capabilities: tuple[str, ...] = ()  # chat, tools, thinking, vision, embedding
    template: bool = False


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that is here, with its receipt."""

    id: str
    name: str
    origin: Origin
    files: tuple[InstalledFile, ...]  # weights first, in the order of their parts
    check: Check
    installed: float
    facts: Facts = Facts()
    repository: str = ""  # organisation/name
    revision: str = ""  # commit
    publisher: str = ""
    source: str = ""  # in words: "Hugging Face", "Ollama", "/media/stick"
    catalog: str = ""  # key of the catalog's variant that these bytes are
    last_used: float | None = None
    pinned: bool = False  # never unloaded or offered for removal
    problem: str = ""  # why it is broken, one line; empty otherwise

    @property
    def path(self) -> Path:
        """The file that is given to the engine: the first of a split set."""
        return self.files[0].path

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Read:
    """A file of ours and its header: what imports, adoption and reconciling look at."""

    path: Path
    header: Header
