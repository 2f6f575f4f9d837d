"""Ollama: manifests/HOST/NAMESPACE/MODEL/TAG name blobs/sha256-…, of which one is the GGUF file.

A manifest is JSON of the OCI kind: layers with `mediaType`, `digest` and `size`
(https://github.com/ollama/ollama, server/manifest.go).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.finders.model import Candidate, inside
from offgrid_tui.library.sets import FileSet

TOOL = "Ollama"
_MODEL = "application/vnd.ollama.image.model"
_PROJECTOR = "application/vnd.ollama.image.projector"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_LARGEST = 2**20  # bytes of a manifest
_MOST = 2000  # manifests


def find(folder: Path) -> Iterator[Candidate]:
    """Each tag whose weights are here. Several tags of the same bytes come as one, named after the first."""
    seen: set[str] = set()
    manifests = folder / "manifests"
    for _, path in zip(range(_MOST), sorted(manifests.glob("*/*/*/*")), strict=False):
        layers = _layers(path)
        weights = next((sha for kind, sha in layers if kind == _MODEL), None)
        if weights is None or weights in seen:
            continue
        blob = folder / "blobs" / f"sha256-{weights}"
        if not inside(blob, folder):
            continue
        seen.add(weights)
        hashes = {blob: weights}
        projector = None
        if (sha := next((sha for kind, sha in layers if kind == _PROJECTOR), None)) is not None:
            other = folder / "blobs" / f"sha256-{sha}"
            if inside(other, folder):
                projector = other
                hashes[other] = sha
        yield Candidate(FileSet((blob,), projector), TOOL, name=_name(path.relative_to(manifests)), hashes=hashes)


def _layers(path: Path) -> list[tuple[str, str]]:
    """Kind and SHA-256 of each layer; empty for what is no manifest."""
    try:
        if not path.is_file():
            return []
        with path.open("rb") as file:
            value: Any = json.loads(file.read(_LARGEST))
        found = []
        for layer in value["layers"]:
            if match := _DIGEST.fullmatch(str(layer["digest"])):
                found.append((str(layer["mediaType"]), match[1]))
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _name(path: Path) -> str:
    """registry.ollama.ai/library/llama3.2/1b -> llama3.2:1b; others keep their namespace."""
    host, namespace, model, tag = (clean_line(part, 80) for part in path.parts)
    full = model if (host, namespace) == ("registry.ollama.ai", "library") else f"{namespace}/{model}"
    return full if tag == "latest" else f"{full}:{tag}"
