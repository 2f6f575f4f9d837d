"""A listed model as JSON and back, for the cache. How far a publisher is trusted is not kept: it is looked up anew."""

from __future__ import annotations

import json
from typing import Any

from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.hub.files import gated_notes
from offgrid_tui.catalog.model import CatalogFile, CatalogModel, Kind, Proof, Role, Source, Variant


def encode(model: CatalogModel) -> str:
    value = {
        "id": model.id,
        "name": model.name,
        "family": model.family,
        "maker": model.maker,
        "base": model.base,
        "parameters": model.parameters,
        "context": model.context,
        "licence": model.licence,
        "kinds": model.kinds,
        "capabilities": model.capabilities,
        "downloads": model.downloads,
        "likes": model.likes,
        "updated": model.updated,
        "gated": any(variant.gated for variant in model.variants),
        "revision": model.variants[0].revision,
        "variants": [
            [
                variant.quantisation,
                variant.proof,
                variant.reason,
                [[file.path, file.size, file.sha256, file.role] for file in variant.files],
            ]
            for variant in model.variants
        ],
    }
    told = {key: item for key, item in value.items() if item is not None and item not in ("", ())}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def decode(repository: str, text: str, seen: float, publishers: Publishers) -> CatalogModel:
    """The model that `encode` was given. The text is ours: it was checked before it was written."""
    value: dict[str, Any] = json.loads(text)
    credibility = publishers.of(repository)
    gated = value.get("gated", False)
    variants = tuple(
        Variant(
            quantisation=quantisation,
            repository=repository,
            files=tuple(
                CatalogFile(path, size, digest, 1 if digest else 0, Role(role)) for path, size, digest, role in files
            ),
            revision=value.get("revision"),
            publisher=credibility.publisher,
            tier=credibility.tier,
            evidence=credibility.evidence,
            proof=Proof(proof),
            reason=reason,
            notes=gated_notes(repository) if gated else (),
            gated=gated,
        )
        for quantisation, proof, reason, files in value["variants"]
    )
    return CatalogModel(
        id=value["id"],
        name=value["name"],
        source=Source.HUB,
        variants=variants,
        family=value.get("family", ""),
        maker=value.get("maker", ""),
        base=value.get("base", ""),
        parameters=value.get("parameters"),
        context=value.get("context"),
        licence=value.get("licence", ""),
        kinds=tuple(Kind(kind) for kind in value.get("kinds", ())),
        capabilities=tuple(value.get("capabilities", ())),
        downloads=value.get("downloads"),
        likes=value.get("likes"),
        updated=value.get("updated"),
        seen=seen,
    )
