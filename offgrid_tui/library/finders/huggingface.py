"""The Hugging Face cache, which llama.cpp uses too: models--ORG--NAME/{refs,snapshots,blobs}.

A snapshot is a folder of links to blobs; a blob of a large file is named after its SHA-256, one of a small file after
its git SHA-1. A split set has to be opened by its snapshot names: the blobs' names say nothing of parts.
Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from offgrid_tui.library.finders.model import Candidate, inside
from offgrid_tui.library.sets import group, walk

_SHA256 = re.compile(r"[0-9a-f]{64}")


def find(folder: Path, tool: str = "Hugging Face") -> Iterator[Candidate]:
    """Of each repository the newest snapshot that holds GGUF files."""
    for repository in _folders(folder):
        if not repository.name.startswith("models--"):
            continue
        for snapshot in _snapshots(repository):
            found = list(_in_snapshot(repository, snapshot, tool))
            yield from found
            if found:
                break


def _in_snapshot(repository: Path, snapshot: Path, tool: str) -> Iterator[Candidate]:
    name = repository.name.removeprefix("models--").replace("--", "/")
    for _, files in walk(snapshot):
        safe = [file for file in files if inside(file, repository)]
        for one in group(safe, one_repository=True):
            hashes = {file: blob for file in one.files if _SHA256.fullmatch(blob := file.resolve().name)}
            yield Candidate(one, tool, repository=name, revision=snapshot.name, hashes=hashes)


def _snapshots(repository: Path) -> list[Path]:
    """The one that `main` names first, the others the newest first."""
    try:
        main = (repository / "refs" / "main").read_text("utf-8", "replace")[:100].strip()
    except OSError:
        main = ""
    found = _folders(repository / "snapshots")
    return sorted(found, key=lambda path: (path.name != main, -_mtime(path), path.name))


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []
