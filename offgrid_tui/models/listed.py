"""A model that is in no row of the list, with what its variants need here: a repository that was just looked at."""

from __future__ import annotations

from offgrid_tui.catalog.model import CatalogModel, Proof, Tier, Variant
from offgrid_tui.fit.model import Fit, Snapshot
from offgrid_tui.fit.service import FitService
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.choose import best_variant
from offgrid_tui.models.details import ModelDetails, VariantDetails
from offgrid_tui.models.model import ModelRow


def details_of(model: CatalogModel, service: FitService) -> ModelDetails:
    """`model` as the list would have it. Blocking: looks at the machine."""
    at = service.snapshot()
    rated = [(variant, _fit(model, variant, service, at)) for variant in model.variants]
    best = best_variant(rated, model.parameters)
    fit = next((fit for variant, fit in rated if variant is best), None)
    row = ModelRow(
        key=best.key if best is not None else model.id,
        name=model.name,
        state=ModelState.AVAILABLE if best and best.proof is not Proof.UNAVAILABLE else ModelState.UNAVAILABLE,
        model=model,
        variant=best,
        installed=None,
        parameters=model.parameters,
        quantisation=best.quantisation if best is not None else "",
        size=best.size if best is not None else None,
        needs=fit.verdict.needs if fit is not None else None,
        verdict=fit.verdict if fit is not None else None,
        needs_from=fit.source.value if fit is not None else "",
        speed=None,
        trust=(best.tier if best is not None else Tier.COMMUNITY).value,
    )
    variants = tuple(VariantDetails(variant.key, variant, None, fit, None, variant is best) for variant, fit in rated)
    return ModelDetails(row, model, variants)


def _fit(model: CatalogModel, variant: Variant, service: FitService, at: Snapshot) -> Fit | None:
    if variant.size is None:
        return None
    try:
        if model.shape is not None:
            return service.of_shape(model.shape, variant.size, variant.quantisation, at=at, siblings=None)
        return service.of_size(variant.size, trained=model.context, at=at, siblings=None)
    except ValueError:
        return None
