"""Stores that are plain folders of GGUF files: LM Studio's, the older cache of llama.cpp, and any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.finders.model import Candidate, inside
from offgrid_tui.library.sets import group, walk


def find_lm_studio(folder: Path) -> Iterator[Candidate]:
    """publisher/model/file.gguf: the two folders are the repository."""
    for place, files in walk(folder):
        parts = place.relative_to(folder).parts
        repository = "/".join(clean_line(part) for part in parts[:2]) if len(parts) >= 2 else ""
        safe = [file for file in files if inside(file, folder)]
        for one in group(safe, one_repository=bool(repository)):
            yield Candidate(one, "LM Studio", repository=repository)


def find_llama_cpp(folder: Path) -> Iterator[Candidate]:
    """Files side by side, each named after its repository: ORG_NAME_file.gguf. Newer versions of llama.cpp keep the
    layout of Hugging Face there, which is looked for too."""
    from offgrid_tui.library.finders import huggingface  # beside this one, so that each store has one file

    yield from huggingface.find(folder, "llama.cpp")
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() == ".gguf" and inside(path, folder)]
    except OSError:
        return
    for one in group(files, one_repository=False):
        yield Candidate(one, "llama.cpp")


def find_anywhere(folder: Path) -> Iterator[Candidate]:
    """Any folder that a person names."""
    for _, files in walk(folder):
        safe = [file for file in files if inside(file, folder)]
        for one in group(safe, one_repository=True):
            yield Candidate(one, clean_line(str(folder)))
