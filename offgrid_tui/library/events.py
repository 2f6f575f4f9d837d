"""What happened to installed models, told in the loop of whoever opened the library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offgrid_tui.library.model import InstalledModel

Work = Literal["import", "verify", "adopt", "move", "reconcile", "export", "check"]


@dataclass(frozen=True, slots=True)
class LibraryChanged:
    """Installed models or marks are others than before: by us, by another process, or by hand. `ids` of the models;
    empty where anything may have changed."""

    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInstalled:
    """A model is here now: imported, adopted, found or downloaded."""

    model: InstalledModel


@dataclass(frozen=True, slots=True)
class ModelBroke:
    """Files of `model` vanished or changed; `model.problem` says it in a line."""

    model: InstalledModel


@dataclass(frozen=True, slots=True)
class ModelMended:
    """A model that was broken is whole again."""

    model: InstalledModel


@dataclass(frozen=True, slots=True)
class ModelRemoved:
    """The record of `model` is gone, and its files where they were ours; `freed` bytes came free by that."""

    model: InstalledModel
    freed: int


@dataclass(frozen=True, slots=True)
class LibraryProgressed:
    """How far a long piece of work is, at most four times a second. `done` of `total` bytes."""

    work: Work
    what: str  # the file or model, one clean line
    done: int
    total: int
