"""What a finder finds in another tool's store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from offgrid_tui.library.sets import FileSet


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model of another tool. `hashes` are SHA-256 that its store states, by file; nobody has read the bytes."""

    files: FileSet
    tool: str  # "Hugging Face", "llama.cpp", "LM Studio", "Ollama"; for a folder its path
    name: str = ""  # as the tool calls it
    repository: str = ""
    revision: str = ""
    hashes: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store:
    """Another tool's folder."""

    tool: str
    folder: Path
    find: Callable[[Path], Iterator[Candidate]]

    def candidates(self) -> Iterator[Candidate]:
        """The models in it; nothing where the folder is not there or can't be read."""
        if self.folder.is_dir():
            yield from self.find(self.folder)


def inside(path: Path, root: Path) -> bool:
    """Whether `path`, all links followed, is a file below `root`: a store's links must not lead out of it."""
    try:
        real = path.resolve(strict=True)
        return real.is_relative_to(root.resolve()) and real.is_file()
    except (OSError, RuntimeError):
        return False
