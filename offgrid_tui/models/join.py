"""Joins what can be had with what is here: a row for each installed variant, and one for each other model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from offgrid_tui.catalog.model import CatalogModel, Proof, Tier, Variant
from offgrid_tui.fit.model import Fit, Snapshot
from offgrid_tui.library.model import InstalledModel, ModelState
from offgrid_tui.library.store import Mark
from offgrid_tui.models.choose import best_variant
from offgrid_tui.models.fits import Fits
from offgrid_tui.models.model import ModelRow
from offgrid_tui.models.ports import Arrival, Speeds

_NOBODY = Mark()


@dataclass(frozen=True, slots=True)
class Joining:
    """All that the rows are made of, at one moment."""

    catalog: tuple[CatalogModel, ...]
    installed: tuple[InstalledModel, ...]
    marks: Mapping[str, Mark]
    arrivals: Mapping[str, Arrival]
    active: str | None  # id of the installed model that answers
    verifying: frozenset[str]  # ids of installed models whose files are being read
    at: Snapshot


def join(given: Joining, fits: Fits, speeds: Speeds) -> Iterator[ModelRow]:
    """Every row once. Blocking where headers have to be read."""
    here: dict[str, InstalledModel] = {}
    alone: list[InstalledModel] = []
    for installed in given.installed:
        if installed.catalog and installed.catalog not in here:
            here[installed.catalog] = installed
        else:
            alone.append(installed)
    seen: set[str] = set()
    for model in given.catalog:
        found = [variant for variant in model.variants if variant.key in here and variant.key not in seen]
        arriving = [v for v in model.variants if v.key in given.arrivals and v not in found and v.key not in seen]
        for variant in (*found, *arriving):
            seen.add(variant.key)
            installed_here = here.get(variant.key)
            fit = fits.of(model, variant, installed_here, given.at)
            yield _row(given, speeds, model, variant, installed_here, fit)
        if not found and not arriving:
            rated = [(variant, fits.of(model, variant, None, given.at)) for variant in model.variants]
            best = best_variant(rated, model.parameters)
            if best is None or best.key in seen:
                continue
            seen.add(best.key)
            yield _row(given, speeds, model, best, None, next(fit for variant, fit in rated if variant is best))
    # Files that no catalog knows, or knows no longer.
    for installed in (*alone, *(model for key, model in here.items() if key not in seen)):
        yield _row(given, speeds, None, None, installed, fits.of(None, None, installed, given.at))


def key_of(variant: Variant | None, installed: InstalledModel | None) -> str:
    if variant is not None:
        return variant.key
    return "" if installed is None else f"local:{installed.id}"


def _row(
    given: Joining,
    speeds: Speeds,
    model: CatalogModel | None,
    variant: Variant | None,
    installed: InstalledModel | None,
    fit: Fit | None,
) -> ModelRow:
    key = key_of(variant, installed)
    mark, arrival = given.marks.get(key, _NOBODY), given.arrivals.get(key)
    facts = installed.facts if installed is not None else None
    parameters = (facts.parameters if facts else None) or (model.parameters if model else None)
    size = installed.size if installed is not None else variant.size if variant is not None else None
    return ModelRow(
        key=key,
        name=model.name if model is not None else installed.name if installed is not None else key,
        state=state_of(given, variant, installed, arrival),
        model=model,
        variant=variant,
        installed=installed,
        parameters=parameters,
        quantisation=(facts.quantisation if facts else "") or (variant.quantisation if variant else ""),
        size=size,
        needs=fit.estimate.memory + fit.estimate.gpu if fit is not None else None,
        verdict=fit.verdict if fit is not None else None,
        needs_from=fit.source.value if fit is not None else "",
        speed=speeds(
            installed.path if installed is not None else None, size, model.shape if model is not None else None
        ),
        trust=(variant.tier if variant is not None else Tier.LOCAL).value,
        favourite=mark.favourite,
        progress=arrival.progress if arrival is not None else None,
    )


def state_of(
    given: Joining, variant: Variant | None, installed: InstalledModel | None, arrival: Arrival | None
) -> ModelState:
    """The state, derived from files and transfers."""
    if arrival is not None and (installed is None or installed.problem):
        return arrival.state
    if installed is not None:
        if installed.id in given.verifying:
            return ModelState.VERIFYING
        if installed.problem:
            return ModelState.BROKEN
        return ModelState.ACTIVE if installed.id == given.active else ModelState.INSTALLED
    if variant is None or variant.proof is Proof.UNAVAILABLE:
        return ModelState.UNAVAILABLE
    return ModelState.AVAILABLE


def variants_with_fits(
    model: CatalogModel, installed: Iterable[InstalledModel], fits: Fits, at: Snapshot
) -> Iterator[tuple[Variant, InstalledModel | None, Fit | None]]:
    """Every variant of `model`, with what is here of it."""
    here = {one.catalog: one for one in installed if one.catalog}
    for variant in model.variants:
        one = here.get(variant.key)
        yield variant, one, fits.of(model, variant, one, at)
