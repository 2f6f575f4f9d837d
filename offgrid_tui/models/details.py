"""All that is known about one model of the list, and what became of one that was removed."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.catalog.model import CatalogModel, Variant
from offgrid_tui.fit.model import Fit
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.library.removing import Removal
from offgrid_tui.models.model import ModelRow, Speed


@dataclass(frozen=True, slots=True)
class VariantDetails:
    """One quantisation of a model; `variant` is None for a file that no catalog knows."""

    key: str  # what `ModelsService.row`, downloads and favourites take
    variant: Variant | None
    installed: InstalledModel | None
    fit: Fit | None
    speed: Speed | None
    proposed: bool = False  # the one to get, where the user has chosen none


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """A row with all variants of its model, in the order of its source."""

    row: ModelRow
    model: CatalogModel | None
    variants: tuple[VariantDetails, ...]
    note: str = ""  # the user's own


@dataclass(frozen=True, slots=True)
class Removed:
    """`successor` answers from now on, where the removed one did until now; None where none was ever used."""

    removal: Removal
    unloaded: bool  # it was in memory
    was_active: bool
    successor: InstalledModel | None = None

    @property
    def freed(self) -> int:
        """Bytes on disk."""
        return self.removal.frees
