"""Rows as the joined list gives them, made up for tests of what searches and shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Source, Tier, Variant
from offgrid_tui.fit.model import Level, Verdict
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, ModelState, Origin
from offgrid_tui.models.model import ModelRow, Speed

GB = 10**9
LIMIT = 8 * GB


def level(needs: int) -> Level:
    for limit, found in ((6 * GB, Level.SAFE), (7 * GB, Level.TIGHT), (LIMIT, Level.OVER)):
        if needs < limit:
            return found
    return Level.BLOCKED


def variant(name: str, quantisation: str = "Q4_K_M", size: int | None = 2 * GB, **more: Any) -> Variant:
    slug = name.replace(" ", "-")
    file = CatalogFile(f"{slug}-{quantisation}.gguf", size, "ab" * 32, attestations=2)
    return Variant(quantisation, f"maker/{slug}-GGUF", (file,), publisher="maker", tier=Tier.VERIFIED, **more)


def model(name: str, *variants: Variant, kinds: tuple[Kind, ...] = (Kind.CHAT,), **more: Any) -> CatalogModel:
    values: dict[str, Any] = {"source": Source.CATALOG, "maker": "Maker", "licence": "apache-2.0", "context": 40960}
    return CatalogModel(name.lower().replace(" ", "-"), name, variants=variants, kinds=kinds, **values | more)


def installed(name: str, **more: Any) -> InstalledModel:
    file = InstalledFile(Path(f"/models/{name}.gguf"), 2 * GB, 0.0, None)
    values: dict[str, Any] = {"facts": Facts("llama", 10**9, "Q4_K_M", 4096), "last_used": None} | more
    return InstalledModel(name, name, Origin.IMPORTED, (file,), Check.UNVERIFIED, 1.0, **values)


def row(name: str, billions: float | None = 4.0, *, needs: int | None = 3 * GB, **more: Any) -> ModelRow:
    """A model of the catalog that is not here; `more` are fields of the row, `kinds` those of its model."""
    one = variant(name, more.pop("quantisation", "Q4_K_M"), more.get("size", 2 * GB))
    made = model(name, one, kinds=more.pop("kinds", (Kind.CHAT,)), **more.pop("of_model", {}))
    values: dict[str, Any] = {
        "key": one.key, "name": name, "state": ModelState.AVAILABLE, "model": made, "variant": one, "installed": None,
        "parameters": None if billions is None else int(billions * 1e9), "quantisation": one.quantisation,
        "size": one.size, "needs": needs, "needs_from": "shape", "speed": Speed(9.0, False), "trust": "verified",
        "verdict": None if needs is None else Verdict(level(needs), needs, LIMIT),
    }  # fmt: skip
    return ModelRow(**values | more)
