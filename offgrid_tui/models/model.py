"""A row of the one list that every picker, screen and command shows."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.catalog.model import CatalogModel, Variant
from offgrid_tui.fit.model import Verdict
from offgrid_tui.library.model import InstalledModel, ModelState


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second that an answer would have here."""

    tokens: float
    measured: bool  # here, by an answer; otherwise estimated


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model in one variant: the best-fitting one where it is not installed."""

    key: str  # unique and lasting: of the variant, or "local:" and the installed model's id
    name: str
    state: ModelState
    model: CatalogModel | None  # None for a file that no catalog knows
    variant: Variant | None
    installed: InstalledModel | None
    parameters: int | None
    quantisation: str
    size: int | None  # bytes
    needs: int | None  # bytes of memory at the context of the settings
    verdict: Verdict | None
    needs_from: str  # "header", "shape" or "size"; empty where nothing is known
    speed: Speed | None
    trust: str  # a Tier's value
    favourite: bool = False
    progress: float | None = None  # 0 to 1 while it arrives
    provider: str = "local"  # who runs it
