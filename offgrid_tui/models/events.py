"""What happened to the list of models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelsChanged:
    """Rows are others than before: ask `ModelsService.rows` again. `keys` of those that changed; empty for all."""

    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelActivated:
    """Another model answers from now on; both None where none is left. `reason` is one line where nobody asked for
    it: "Qwen3 4B was removed"."""

    key: str | None
    path: Path | None
    reason: str = ""
