"""Installed models as models of a bundle: which paths their files have there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.library.model import InstalledFile, InstalledModel
from offgrid_tui.library.names import safe_name, stem_of
from offgrid_tui.library.receipt import ENDING
from offgrid_tui.library.sets import is_gguf
from offgrid_tui.transfer.layout import LARGEST_PAPER, MODELS, PAPERS


@dataclass(frozen=True, slots=True)
class Named:
    """A model of ours with the paths that its files have in a bundle."""

    model: InstalledModel
    paths: tuple[str, ...]  # of its files, in their order

    @property
    def folder(self) -> str:
        return self.paths[0].rpartition("/")[0]

    @property
    def receipt(self) -> str:
        """Where its receipt stands: beside its first file, as in the library."""
        return self.paths[0] + ENDING

    def licences(self) -> dict[str, Path]:
        """Licences that lie beside its files, by their path in a bundle."""
        found = {}
        for name in PAPERS[1:]:
            path = self.model.path.parent / name
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_PAPER:
                found[f"{self.folder}/{name}"] = path
        return found


def named(models: Iterable[InstalledModel], library: Path, taken: Iterable[tuple[str, str]] = ()) -> list[Named]:
    """`models` with their paths; two files come to one path only where their bytes are the same.

    Args:
        library: our models folder; what lies in it keeps its place.
        taken: path and SHA-256 of files that are in the bundle already.
    """
    held = {path.casefold(): sha256 for path, sha256 in taken}
    found = []
    for model in models:
        number = 1
        while True:
            paths = _paths(model, library, number)
            pairs = list(zip(paths, (_mark(file) for file in model.files), strict=True))
            if all(held.get(path.casefold(), mark) == mark for path, mark in pairs):
                break
            number += 1
        held.update({path.casefold(): mark for path, mark in pairs})
        found.append(Named(model, tuple(paths)))
    return found


def _paths(model: InstalledModel, library: Path, number: int) -> list[str]:
    first = model.path
    if first.is_relative_to(library) and len(first.relative_to(library).parts) == 3:
        owner, repository, _ = first.relative_to(library).parts
    elif model.repository:
        owner, _, repository = model.repository.partition("/")
    else:
        owner, repository = "local", stem_of(first.name) if is_gguf(first) else model.id
    if number > 1:
        repository = f"{repository}-{number}"
    # Ollama's files are called after their hashes.
    names = [
        safe_name(file.path.name) if is_gguf(file.path) else f"{model.id}{f'-{n}' if n else ''}.gguf"
        for n, file in enumerate(model.files)
    ]
    return [f"{MODELS}{safe_name(owner, 'local')}/{safe_name(repository)}/{name}" for name in names]


def _mark(file: InstalledFile) -> str:
    """What tells apart the bytes of two files; of one that nobody has read, its place."""
    return file.sha256 or str(file.path)
