"""The sections of a model's details, as lines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from textual.content import Content

from offgrid_tui.catalog.model import CatalogFile, Proof, Variant
from offgrid_tui.fit.model import WORDS, Fit
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text
from offgrid_tui.library.model import Check, InstalledModel, Origin
from offgrid_tui.models.details import ModelDetails, VariantDetails
from offgrid_tui.models.matrix import Block, Matrix
from offgrid_tui.ui.catalog.cells import LEVEL_COLORS, trust_text
from offgrid_tui.ui.catalog.sheet import NEEDS_FROM, capabilities, context_text, is_recommended, trouble
from offgrid_tui.ui.markdown.layout import EMPTY, Line, wrap

CELL, WIDE_CELL = 10, 13  # cells of one answer, at least and at most
HEAD = 11  # cells of a quantisation before them
LABEL = 14  # cells of a name beside its value
CHECKS = {
    Check.VERIFIED: "SHA-256 matched what a source had promised",
    Check.UNVERIFIED: "unverified: nobody promised a hash for it",
    Check.UNKNOWN: "not read yet, so no hash is known",
    Check.MISMATCH: "SHA-256 is another than the one promised",
}
_ORIGINS = {
    Origin.DOWNLOADED: "downloaded",
    Origin.IMPORTED: "imported",
    Origin.ADOPTED: "lies in another tool's folder; never changed by OffGrid",
    Origin.BUNDLED: "part of OffGrid",
}


def report(details: ModelDetails, found: Matrix, width: int) -> list[Line]:
    """All of it, `width` cells wide."""
    lines: list[Line] = []
    if said := trouble(details.row):
        lines += [*wrap(Content.assemble(("⚠ ", "$warn"), said), width), EMPTY]
    if any(fit for block in found.blocks for row in block.rows for fit in row.fits):
        for block in found.blocks:
            lines += [*_block(block, found.contexts, width), EMPTY]
        lines += [*wrap(_legend(details), width), EMPTY]
    lines += _pairs(_about(details), width)
    for one in sorted(details.variants, key=lambda one: one.key != details.row.key):
        lines += [EMPTY, *_variant(one, is_recommended(details, one), width)]
    return lines


def hashes(details: ModelDetails) -> str:
    """As sha256sum writes and reads them."""
    files = [file for one in details.variants for file in _files(one)]
    return "\n".join(f"{sha256}  {path}" for path, _, sha256, _ in files if sha256)


# ── where it fits ──────────────────────────────────────────────────────────────────────────────────────────────────


def _block(block: Block, contexts: tuple[int, ...], width: int) -> Iterator[Line]:
    cell = min(max((width - HEAD) // max(len(contexts), 1), CELL), WIDE_CELL)
    shown = max((width - HEAD) // cell, 1)
    head = f"{'KV ' + block.kv_type:<{HEAD}}" + "".join(f"{context_text(c):<{cell}}" for c in contexts[:shown])
    yield Line(Content.styled(head.rstrip(), "$muted"))
    for name, fits in _by_quantisation(block).items():
        cells = [_fit(fit, cell) for fit in fits[:shown]]
        yield Line(Content.assemble(f"{clean_line(name, HEAD - 1):<{HEAD}}", *cells))


def _by_quantisation(block: Block) -> dict[str, tuple[Fit | None, ...]]:
    """The smallest variant of each quantisation, small ones first: those of other publishers need the same."""
    found: dict[str, tuple[Fit | None, ...]] = {}
    for row in sorted(block.rows, key=lambda row: _size(row.variant) or 0):
        found.setdefault(_quantisation(row.variant), row.fits)
    return found


def _quantisation(one: VariantDetails) -> str:
    name = one.variant.quantisation if one.variant else ""
    return name or (one.installed.facts.quantisation if one.installed else "") or "file"


def _size(one: VariantDetails) -> int | None:
    return one.installed.size if one.installed else one.variant.size if one.variant else None


def _fit(fit: Fit | None, cell: int) -> Content:
    if fit is None:
        return Content.styled(f"{NO_VALUE:<{cell}}", "$muted")
    words = WORDS[fit.verdict.level]
    color = LEVEL_COLORS[fit.verdict.level]
    text = bytes_text(fit.verdict.needs)
    return Content.assemble((f"{words.mark} ", color), (f"{text:<{cell - 2}}", "$foreground"))


def _legend(details: ModelDetails) -> Content:
    parts: list[str | tuple[str, str] | Content] = []
    for level, words in WORDS.items():
        parts += [(f"{words.mark} ", LEVEL_COLORS[level]), (f"{words.word}: {words.meaning}. ", "$muted")]
    if details.row.needs_from:
        parts.append((f"Reckoned from {NEEDS_FROM[details.row.needs_from]}.", "$muted"))
    return Content.assemble(*parts)


# ── what it is ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _about(details: ModelDetails) -> Iterable[tuple[str, str]]:
    model, row = details.model, details.row
    if row.parameters is not None:
        yield "parameters", f"{row.parameters:,}"
    if model is not None:
        yield "licence", " · ".join(part for part in (model.licence, model.licence_note) if part)
        yield "context", f"{model.context:,} tokens" if model.context else ""
        yield "made for", ", ".join(kind.value for kind in model.kinds)
    yield "can", ", ".join(capabilities(row))
    if model is not None:
        yield "maker", model.maker
        yield "base model", model.base
        yield "short names", ", ".join(model.aliases)
        yield "listed by", model.source.value
        if model.seen is not None:
            yield "seen", when(model.seen)
        if model.downloads is not None:
            yield "downloads", f"{model.downloads:,}"
        if model.updated is not None:
            yield "updated", when(model.updated)
    yield "your note", details.note


def when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


# ── its files ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _variant(one: VariantDetails, recommended: bool, width: int) -> list[Line]:
    variant, installed = one.variant, one.installed
    head: list[str | tuple[str, str]] = [(clean_line(_quantisation(one), 20), "bold")]
    head.append((f"  {bytes_text(_size(one))}", "$foreground"))
    if installed is not None:
        head.append(("  here", "$accent"))
    if recommended:
        head.append(("  ◂ recommended", "$accent"))
    pairs: list[tuple[str, str]] = []
    if variant is not None:
        pairs += _published(variant)
    if installed is not None:
        pairs += _receipt(installed)
    lines = [Line(Content.assemble(*head).truncate(width, ellipsis=True)), *_pairs(pairs, width)]
    for path, bytes_, sha256, attested in _files(one):
        lines += _pairs([("file", f"{path}  {bytes_text(bytes_)}")], width)
        proof = f"  {attested}" if attested else ""
        lines += _pairs([("SHA-256", (sha256 or "not known") + proof)], width)
    return lines


def _published(variant: Variant) -> Iterator[tuple[str, str]]:
    trust = f"{variant.publisher} ({trust_text(variant.tier.value)})" if variant.publisher else variant.tier.value
    yield "published by", f"{trust}: {variant.evidence}" if variant.evidence else trust
    yield "repository", variant.repository
    yield "revision", variant.revision or "not pinned"
    if variant.proof is not Proof.PROVEN:
        yield "proof", f"{variant.proof.value}: {variant.reason}" if variant.reason else variant.proof.value
    if variant.gated:
        yield "gated", "its owner wants to be asked first, on Hugging Face"
    for note in variant.notes:
        yield "note", note


def _receipt(installed: InstalledModel) -> Iterator[tuple[str, str]]:
    source = f", from {installed.source}" if installed.source else ""
    yield "came here", f"{when(installed.installed)}, {_ORIGINS[installed.origin]}{source}"
    yield "bytes", CHECKS[installed.check]
    if installed.last_used is not None:
        yield "last used", when(installed.last_used)
    if installed.problem:
        yield "problem", installed.problem


def _files(one: VariantDetails) -> Iterator[tuple[str, int | None, str | None, str]]:
    """Path, size, hash, and who gives the hash; of what is here, as it is here."""
    if one.installed is not None:
        for file in one.installed.files:
            yield str(file.path), file.size, file.sha256, ""
    elif one.variant is not None:
        for listed in one.variant.files:
            yield listed.path, listed.size, listed.sha256, _attested(listed)


def _attested(file: CatalogFile) -> str:
    if not file.attestations:
        return ""
    return "given by one source" if file.attestations == 1 else f"given alike by {file.attestations} sources"


def _pairs(pairs: Iterable[tuple[str, str]], width: int) -> list[Line]:
    lines = []
    for name, value in pairs:
        if not value:
            continue
        parts = wrap(Content(clean(value).replace("\n", " ")), max(width - LABEL, 8))
        for i, part in enumerate(parts):
            label = name if i == 0 else ""
            lines.append(Line(Content.assemble((f"{label:<{LABEL}}", "$muted"), part.content), soft=i > 0))
    return lines
