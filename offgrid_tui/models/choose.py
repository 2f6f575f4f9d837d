"""Which quantisation of a model to show and propose where the user has chosen none."""

from __future__ import annotations

from collections.abc import Sequence

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.fit.model import Fit, Level

# What is gained above four bits is little beside what it costs in speed; a small model has no bits to spare.
_USUAL = ("Q4_K_M", "Q4_K_S", "IQ4_XS", "Q4_0", "Q5_K_M", "Q5_K_S", "Q6_K", "Q8_0", "Q3_K_L", "Q3_K_M", "Q2_K")
_SMALL = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q5_0", "Q4_K_S", "Q4_0", "F16", "BF16")
SMALL = 1_500_000_000  # parameters below which a model is small
_LEVELS = (Level.SAFE, Level.TIGHT)
_PROOFS = {Proof.PROVEN: 0, Proof.UNVERIFIED: 1, Proof.UNAVAILABLE: 2}


def best_variant(variants: Sequence[tuple[Variant, Fit | None]], parameters: int | None) -> Variant | None:
    """The variant to propose: one that can be had and fits, in the quantisation that suits the model's size; where
    none fits, the one that needs least."""
    if not variants:
        return None
    order = _SMALL if parameters is not None and parameters < SMALL else _USUAL

    def rank(item: tuple[Variant, Fit | None]) -> tuple[int, int, int, int]:
        variant, fit = item
        level = fit.verdict.level if fit is not None else None
        place = _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)
        wanted = variant.quantisation.upper()
        # Among those that don't fit, the size decides alone.
        liking = (order.index(wanted) if wanted in order else len(order)) if place < len(_LEVELS) else 0
        needs = fit.verdict.needs if fit is not None else variant.size or 0
        return _PROOFS[variant.proof] // 2, place, liking * 4 + _PROOFS[variant.proof], needs

    return min(variants, key=rank)[0]
