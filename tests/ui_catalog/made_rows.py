"""Rows as the joined list gives them, made up for tests of what searches and shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Proof, Source, Tier, Variant
from offgrid_tui.fit.model import Level, Verdict
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, ModelState, Origin
from offgrid_tui.models.model import ModelRow, Speed

GB = 10**9
# name, parameters in billions, layers, width, KV heads, kinds, quantisations with their sizes in GB
_MADE: tuple[tuple[str, float, int, int, int, tuple[Kind, ...], dict[str, float]], ...] = (
    ("Qwen3 4B Instruct", 4.02, 36, 2560, 8, (Kind.CHAT,), {"Q4_K_M": 2.5, "Q8_0": 4.28}),
    ("Llama 3.2 3B Instruct", 3.21, 28, 3072, 8, (Kind.CHAT,), {"Q4_K_M": 2.02, "Q6_K": 2.64, "Q8_0": 3.42}),
    ("Mistral 7B Instruct v0.3", 7.25, 32, 4096, 8, (Kind.CHAT,), {"Q4_K_M": 4.37, "Q8_0": 7.7}),
    ("DeepSeek R1 Distill Qwen 14B", 14.8, 48, 5120, 8, (Kind.CHAT,), {"Q3_K_M": 7.34, "Q4_K_M": 8.99}),
    ("Llama 3.3 70B", 70.6, 80, 8192, 8, (Kind.CHAT,), {"Q4_K_M": 42.5}),
    ("Qwen2.5 Coder 7B Instruct", 7.62, 28, 3584, 4, (Kind.CODE, Kind.CHAT), {"Q4_K_M": 4.68, "Q8_0": 8.1}),
    ("Gemma 3 12B", 11.8, 48, 3840, 8, (Kind.CHAT, Kind.VISION), {"Q4_K_M": 7.3}),
    ("nomic-embed-text v1.5", 0.137, 12, 768, 12, (Kind.EMBEDDING,), {"F16": 0.274, "Q8_0": 0.146}),
)
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


def catalog() -> tuple[CatalogModel, ...]:
    """A small catalog that never changes."""
    return tuple(
        model(
            name,
            *(variant(name, quantisation, int(size * GB), proof=Proof.PROVEN) for quantisation, size in sizes.items()),
            kinds=kinds,
            parameters=int(billions * 10**9),
            shape=ModelShape("qwen3", layers, width, (width // 128,), (heads,), 128, 128, (3 * width,), 151936, 40960),
        )
        for name, billions, layers, width, heads, kinds, sizes in _MADE
    )


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
