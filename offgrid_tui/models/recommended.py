"""What to take on this machine, from the one list: rows in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from offgrid_tui.catalog.model import CatalogModel, Kind, Proof, Tier
from offgrid_tui.fit.recommend import ROLES, Candidate, Label, recommend
from offgrid_tui.fit.speed import active_share
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.model import ModelRow, Speed
from offgrid_tui.models.speeds import MachineSpeeds

_NOT_TO_HAVE = (ModelState.UNAVAILABLE, ModelState.BROKEN)


@dataclass(frozen=True, slots=True)
class Pick:
    """One recommendation; `row` is None where nothing fits, and `reason` says so."""

    role: str
    label: Label
    row: ModelRow | None
    speed: Speed | None
    reason: str


def recommended(rows: Iterable[ModelRow], speeds: MachineSpeeds, roles: Sequence[str] = ROLES) -> tuple[Pick, ...]:
    """Fastest, balanced and best for each of `roles`, of the models that can be had and proven, and those here.
    Blocking: speeds may have to be measured."""
    by_key: dict[str, tuple[ModelRow, Candidate]] = {}
    for one in speeds.of_rows(rows):
        if (candidate := _candidate(one)) is not None:
            by_key[one.key] = (one, candidate)
    picks = []
    for found in recommend((candidate for _, candidate in by_key.values()), roles):
        row: ModelRow | None = None
        speed: Speed | None = None
        if found.pick is not None:
            row = by_key[found.pick.key][0]
            speed = None if found.pick.speed is None else Speed(found.pick.speed, found.pick.measured)
        picks.append(Pick(found.role, found.label, row, speed, found.reason))
    return tuple(picks)


def _candidate(row: ModelRow) -> Candidate | None:
    model, variant = row.model, row.variant
    if model is None or row.verdict is None or row.state in _NOT_TO_HAVE or not row.size or not row.parameters:
        return None
    if row.installed is None and (variant is None or variant.proof is not Proof.PROVEN):
        return None
    speed = row.speed
    return Candidate(
        key=row.key,
        name=row.name,
        quantisation=row.quantisation,
        size=row.size,
        roles=_roles(model),
        parameters=row.parameters,
        needs=row.verdict.needs,
        level=row.verdict.level,
        active=active_share(model.shape) if model.shape is not None else 1.0,
        speed=speed.tokens if speed is not None else None,
        measured=speed is not None and speed.measured,
        context=model.context,
        trust=list(Tier).index(Tier(row.trust)) if row.trust in set(Tier) else len(Tier),
        installed=row.installed is not None,
    )


def _roles(model: CatalogModel) -> tuple[str, ...]:
    """A model counts for its main kind; one that sees can be talked to as well."""
    main = model.kinds[0] if model.kinds else Kind.OTHER
    return ("chat",) if main is Kind.VISION else (main.value,)
