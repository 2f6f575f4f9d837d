"""What a bundle holds against what is here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offgrid_tui.library.model import InstalledModel, Origin
from offgrid_tui.transfer.model import Bundle, BundleModel, Compared, Standing


def compare(bundle: Bundle, here: Sequence[InstalledModel]) -> tuple[Compared, ...]:
    """How each model of the bundle stands, by sizes and hashes that are known; no model is read."""
    return tuple(_compared(bundle, model, here) for model in bundle.models)


def twin(model: BundleModel, here: Iterable[InstalledModel]) -> InstalledModel | None:
    """A whole model of our own with the same weights. The projector may be missing on either side: it is no other
    model without it."""
    weights = _weights(model)
    for one in here:
        ours = one.origin is not Origin.ADOPTED and not one.problem
        if ours and tuple(file.sha256 for file in one.files if file.role == "weights") == weights:
            return one
    return None


def absent(bundle: Sequence[BundleModel], here: Iterable[InstalledModel]) -> tuple[InstalledModel, ...]:
    """Models that are here and not in the bundle."""
    there = {_weights(model) for model in bundle}
    return tuple(one for one in here if tuple(f.sha256 for f in one.files if f.role == "weights") not in there)


def _compared(bundle: Bundle, model: BundleModel, here: Sequence[InstalledModel]) -> Compared:
    for file in model.files:
        for piece in file.pieces:
            if why := bundle.damaged.get(piece.path):
                return Compared(model, Standing.DAMAGED, problem=f"{piece.path} {why}")
    if (same := twin(model, here)) is not None:
        return Compared(model, Standing.SAME, same)
    other = next((one for one in here if _same_thing(model, one)), None)
    if other is None:
        return Compared(model, Standing.NEW)
    # A commit has no order; when it was brought where it was exported is the best that is known.
    newer = model.installed > other.installed
    return Compared(model, Standing.NEWER if newer else Standing.OLDER, other)


def _same_thing(model: BundleModel, here: InstalledModel) -> bool:
    return bool(model.repository) and here.repository == model.repository and here.path.name == model.files[0].name


def _weights(model: BundleModel) -> tuple[str, ...]:
    return tuple(file.sha256 for file in model.files if file.role == "weights")
