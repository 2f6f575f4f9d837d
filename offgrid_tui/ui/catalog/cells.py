"""A model's row, in the table's words."""

from __future__ import annotations

from textual.content import Content

from offgrid_tui.catalog.model import Proof, Tier
from offgrid_tui.fit.model import WORDS, Level, Verdict
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, parameters, rate
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.filter import is_here
from offgrid_tui.models.model import ModelRow, Speed
from offgrid_tui.ui.widgets.table import Column

COLUMNS = (
    Column("name", "Model", 24, flexible=True),
    Column("parameters", "Params", 6, right=True, rank=3),
    Column("quantisation", "Quant", 7),
    Column("size", "Size", 7, right=True, rank=2),
    Column("needs", "Needs", 8, right=True),
    Column("fits", "Fits", 9),
    Column("trust", "Trust", 10, rank=4),
    Column("here", "Here", 9),
)

LEVEL_COLORS = {Level.SAFE: "$ok", Level.TIGHT: "$warn", Level.OVER: "$bad", Level.BLOCKED: "$muted"}
_TRUST = {Tier.PARTNER.value: "partner"}
_STATES = {
    ModelState.ACTIVE: ("active", "bold $accent"),
    ModelState.INSTALLED: ("installed", "$foreground"),
    ModelState.BROKEN: ("broken", "$bad"),
    ModelState.QUEUED: ("queued", "$muted"),
    ModelState.WAITING: ("waiting", "$muted"),
    ModelState.PAUSED: ("paused", "$warn"),
    ModelState.VERIFYING: ("verifying", "$accent"),
    ModelState.UNAVAILABLE: ("no file", "$muted"),
}


def cells(row: ModelRow) -> dict[str, Content]:
    """What stands in each column."""
    off = row.state is ModelState.UNAVAILABLE
    name: list[str | tuple[str, str]] = [(clean_line(row.name, 80), "$muted" if off else "$foreground")]
    if row.favourite:
        name = [("* ", "$accent"), *name]
    return {
        "name": Content.assemble(*name),
        "parameters": _figure(parameters_text(row)),
        "quantisation": Content.styled(clean_line(row.quantisation, 12) or NO_VALUE, "$muted"),
        "size": _figure(bytes_text(row.size)),
        "needs": _figure(needs_text(row.needs, row.needs_from)),
        "fits": fits(row.verdict),
        "trust": _trust(row),
        "here": here(row),
    }


def _figure(text: str) -> Content:
    return Content.styled(text, "$muted" if text == NO_VALUE else "$foreground")


def parameters_text(row: ModelRow) -> str:
    """4.0B; as its maker says it where the exact number is not known."""
    if row.parameters is None and row.model is not None and row.model.parameters_text:
        return clean_line(row.model.parameters_text, 8)
    return parameters(row.parameters)


def needs_text(needs: int | None, source: str) -> str:
    """3.4 GB, ~3.4 GB where only the size is known."""
    return f"~{bytes_text(needs)}" if needs is not None and source == "size" else bytes_text(needs)


def fits(verdict: Verdict | None) -> Content:
    """Shape, word and colour of a verdict."""
    if verdict is None:
        return Content.styled(NO_VALUE, "$muted")
    words = WORDS[verdict.level]
    return Content.styled(f"{words.mark} {words.word}", LEVEL_COLORS[verdict.level])


def _trust(row: ModelRow) -> Content:
    """Who vouches for it; or that nobody can prove what would arrive."""
    variant = row.variant
    if row.installed is None and variant is not None and variant.proof is Proof.UNVERIFIED:
        return Content.styled("unverified", "$warn")
    return Content.styled(trust_text(row.trust), "$muted")


def trust_text(trust: str) -> str:
    return _TRUST.get(trust, clean_line(trust, 12))


def here(row: ModelRow) -> Content:
    """Whether it is here, or how far it has come."""
    if row.state is ModelState.DOWNLOADING or (row.progress is not None and not is_here(row)):
        share = f" {row.progress:.0%}" if row.progress is not None else ""
        return Content.styled(f"↓{share}", "$accent")
    word, color = _STATES.get(row.state, (NO_VALUE, "$muted"))
    return Content.styled(word, color)


def speed_text(speed: Speed | None) -> str:
    """41.8 t/s where it was measured here, ~9 t/s where it is an estimate."""
    if speed is None:
        return NO_VALUE
    if speed.measured:
        return rate(speed.tokens)
    return f"~{speed.tokens:.0f} t/s" if speed.tokens >= 9.95 else f"~{speed.tokens:.1f} t/s"
