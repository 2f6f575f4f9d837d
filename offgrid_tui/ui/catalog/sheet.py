"""What is told of one model beside its row: the facts about it, and its variants on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.fit.model import Verdict
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, tokens
from offgrid_tui.models.details import ModelDetails, VariantDetails
from offgrid_tui.models.model import ModelRow, Speed
from offgrid_tui.ui.catalog.cells import fits, needs_text, parameters_text, speed_text, trust_text

NEEDS_FROM = {
    "header": "the file's own header",
    "shape": "the numbers of its architecture",
    "size": "the size of the file alone: rough",
}

if TYPE_CHECKING:
    from offgrid_tui.models.speeds import MachineSpeeds


@dataclass(frozen=True, slots=True)
class VariantLine:
    """A model in one quantisation, on this machine."""

    variant: Variant | None
    quantisation: str
    size: int | None
    needs: int | None
    needs_from: str
    verdict: Verdict | None
    speed: Speed | None
    here: bool = False
    recommended: bool = False
    publisher: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A model with all its variants. `context` is what "needs" is reckoned for."""

    row: ModelRow
    lines: tuple[VariantLine, ...] = ()
    context: int | None = None

    @property
    def recommended(self) -> VariantLine | None:
        return next((line for line in self.lines if line.recommended), None)


def facts(row: ModelRow) -> list[str]:
    """Who made it, its licence, its context, what it can do: what is known of that."""
    model, variant, installed = row.model, row.variant, row.installed
    maker = (model.maker if model else "") or (variant.publisher if variant else "") or _publisher(row)
    parts = [f"{maker} ({trust_text(row.trust)})" if maker else trust_text(row.trust)]
    licence = (model.licence if model else "") or (installed.facts.licence if installed else "")
    context = (installed.facts.context if installed else None) or (model.context if model else None)
    parts += [licence] if licence else []
    parts += [f"{context_text(context)} context"] if context else []
    if can := capabilities(row):
        parts.append(", ".join(can))
    return [clean_line(part, 60) for part in parts]


def context_text(count: int) -> str:
    """Contexts are powers of two: 8k, 128k; any other number as it is."""
    return f"{count // 1024}k" if count % 1024 == 0 else tokens(count)


def _publisher(row: ModelRow) -> str:
    return row.installed.publisher if row.installed else ""


def capabilities(row: ModelRow) -> tuple[str, ...]:
    """What it can do beside what it is made for."""
    given = (row.installed.facts.capabilities if row.installed else ()) or (row.model.capabilities if row.model else ())
    return tuple(word for word in given if word != "chat")


def title(row: ModelRow) -> Content:
    parts: list[str | tuple[str, str]] = [(clean_line(row.name, 80), "bold")]
    for fact in facts(row):
        parts += [(" · ", "$faint"), (fact, "$muted")]
    return Content.assemble(*parts)


def trouble(row: ModelRow) -> str:
    """What keeps it from being had or used, or what one should know of it; empty where nothing does."""
    if row.installed is not None and row.installed.problem:
        return clean_line(row.installed.problem)
    variant = row.variant
    if variant is None or row.installed is not None:
        return ""
    if variant.proof is not Proof.PROVEN:
        said = clean_line(variant.reason)
        return f"{variant.proof.value}: {said}" if said else variant.proof.value
    if variant.gated:
        return "its owner wants to be asked first, on Hugging Face"
    return clean_line(variant.notes[0]) if variant.notes else ""


# ── the variants as a small table ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Widths:
    """Cells of quantisation, size, needs, speed and fit; the figures stand at the right of theirs."""

    quantisation: int
    figures: tuple[int, int, int]
    fit: int
    words: bool  # whether there is room for some behind


WIDE = Widths(11, (8, 14, 13), 11, words=True)
NARROW = Widths(10, (7, 9, 10), 10, words=False)


def variants_head(context: int | None, widths: Widths) -> Content:
    at = f" at {context_text(context)}" if context and widths.words else ""
    titles = ("size", f"needs{at}", "speed here" if widths.words else "speed")
    figures = "".join(f"{text:>{width}}" for text, width in zip(titles, widths.figures, strict=True))
    return Content.styled(f"{'quant':<{widths.quantisation}}{figures}   fits", "$muted")


def variant_line(line: VariantLine, widths: Widths, *, own: bool) -> Content:
    """`own` is that of the row under the cursor."""
    texts = (bytes_text(line.size), needs_text(line.needs, line.needs_from), speed_text(line.speed))
    figures = [f"{text:>{width}}" for text, width in zip(texts, widths.figures, strict=True)]
    quantisation = clean_line(line.quantisation, widths.quantisation - 1) or NO_VALUE
    verdict = fits(line.verdict)
    words, color = _words(line) if widths.words else ("◂" if line.recommended else "", "$accent")
    return Content.assemble(
        (f"{quantisation:<{widths.quantisation}}", "bold" if own else "$foreground"),
        *((figure, "$muted" if figure.strip() == NO_VALUE else "$foreground") for figure in figures),
        "   ",
        verdict,
        " " * max(widths.fit - verdict.cell_length, 1),
        (words, color),
    )


def _words(line: VariantLine) -> tuple[str, str]:
    """What is said behind a variant: whether it is here or proposed, else who published it."""
    told = ["here"] if line.here else []
    told += ["◂ recommended"] if line.recommended else []
    if told:
        return "  ".join(told), "$accent"
    if line.variant is None:
        return "", "$muted"
    if line.variant.proof is not Proof.PROVEN:
        return line.variant.proof.value, "$muted"
    return clean_line(line.variant.publisher, 16), "$muted"


def window(lines: Sequence[VariantLine], own: int, room: int) -> Sequence[VariantLine]:
    """As many lines as there is room for, the row's own and the recommended one among them where that can be."""
    if len(lines) <= room:
        return lines
    wanted = [i for i, line in enumerate(lines) if line.recommended or i == own]
    middle = (min(wanted) + max(wanted)) // 2 if wanted else 0
    first = min(max(middle - room // 2, 0), len(lines) - room)
    return lines[first : first + room]


def facts_table(row: ModelRow, line: VariantLine | None, context: int | None) -> list[tuple[str, str]]:
    """Names and values for where there is room to list them."""
    model, variant, installed = row.model, row.variant, row.installed
    rows = [("parameters", parameters_text(row)), ("quantisation", clean_line(row.quantisation, 20) or NO_VALUE)]
    if row.needs_from:
        at = f"at {context_text(context)}, from " if context else "from "
        rows.append(("needs", at + NEEDS_FROM.get(row.needs_from, row.needs_from)))
    if line is not None and line.speed is not None:
        rows.append(("speed", "measured here" if line.speed.measured else "estimated"))
    if variant is not None and variant.repository:
        rows.append(("from", clean_line(variant.repository, 80)))
    if installed is not None:
        rows.append(("file", clean_line(str(installed.path), 200)))
        rows.append(("bytes", installed.check.value))
    if model is not None and model.downloads is not None:
        rows.append(("downloads", f"{model.downloads:,}"))
    return rows


def sheet_of(details: ModelDetails, speeds: MachineSpeeds) -> Sheet:
    """What the service tells, as it is shown: smallest first. Blocking: speeds may have to be measured."""
    shape = details.model.shape if details.model else None
    lines = tuple(
        VariantLine(
            variant=one.variant,
            quantisation=_quantisation(details, one),
            size=_size(one),
            needs=one.fit.verdict.needs if one.fit else None,
            needs_from=one.fit.source.value if one.fit else "",
            verdict=one.fit.verdict if one.fit else None,
            speed=one.speed or speeds(one.installed.path if one.installed else None, _size(one), shape),
            here=one.installed is not None,
            recommended=is_recommended(details, one),
        )
        for one in details.variants
    )
    contexts = [one.fit.use.context for one in details.variants if one.fit is not None]
    ordered = tuple(sorted(lines, key=lambda line: line.size if line.size is not None else -1))
    return Sheet(details.row, ordered, contexts[0] if contexts else None)


def _size(one: VariantDetails) -> int | None:
    return one.installed.size if one.installed else one.variant.size if one.variant else None


def is_recommended(details: ModelDetails, one: VariantDetails) -> bool:
    """Whether `one` is to be preferred to others, and can be had at all."""
    can_be_had = one.variant is not None and one.variant.proof is not Proof.UNAVAILABLE
    return one.proposed and can_be_had and len(details.variants) > 1


def _quantisation(details: ModelDetails, one: VariantDetails) -> str:
    if one.variant is not None:
        return one.variant.quantisation
    return one.installed.facts.quantisation if one.installed else details.row.quantisation
