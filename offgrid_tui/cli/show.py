"""`offgrid show NAME`: what a name means, and all about the model that it means."""

from __future__ import annotations

import argparse
import asyncio
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.catalog.resolver import Meaning, Resolved
from offgrid_tui.cli.catalog import (
    fits_text,
    here_text,
    model_json,
    needs_text,
    row_json,
    tell_problems,
    trust_text,
    variant_json,
)
from offgrid_tui.cli.models import Opened, open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, parameters, tokens
from offgrid_tui.gguf.facts import facts_of
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.models.details import ModelDetails, VariantDetails
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (
    Column(""),
    Column("quant"),
    Column("size", right=True),
    Column("needs", right=True),
    Column("fits"),
    Column("here"),
    Column("trust"),
    Column("repository", least=16),
)
_INDENT = 13


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a short name, an id, a file, org/name[:QUANT] or an address")
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")
    parser.epilog = "Looks nothing up elsewhere: of a repository that no catalog has, it says only that it is one."


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        found = await asyncio.to_thread(opened.resolver.resolve, args.name)
        row = opened.row(found)
        details = await opened.models.details(row.key) if row else None
        if args.json:
            print(json.dumps(_json(found, details), ensure_ascii=False, indent=2))
        else:
            for line in _report(found, details, opened):
                print(line)
    tell_problems(paths)
    return int(ExitCode.OK)


# ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _report(found: Resolved, details: ModelDetails | None, opened: Opened) -> Iterator[str]:
    yield from _field("name", f"{clean_line(found.text)}: {found.why}")
    if details is None:
        yield from _elsewhere(found)
        return
    yield from _model(details)
    chosen = _chosen(found, details)
    yield ""
    rows = [_cells(one, one is chosen, details) for one in details.variants]
    yield from lines(_COLUMNS, rows, terminal_width())
    if chosen is not None and chosen.variant is not None:
        yield ""
        yield from _variant(chosen.variant)
    if chosen is not None and chosen.fit is not None and chosen.fit.verdict.reason:
        yield from _field("fits", f"{fits_text(chosen.fit.verdict)}: {chosen.fit.verdict.reason}")


def _model(details: ModelDetails) -> Iterator[str]:
    model, row = details.model, details.row
    if model is None:
        yield from _field("model", f"{row.name}, in no catalog")
        if row.installed is not None:
            yield from _field("file", str(row.installed.path))
        return
    maker = ", ".join(part for part in (model.maker, model.base) if part)
    yield from _field("model", f"{model.name} ({model.id})" + (f", by {maker}" if maker else ""))
    size = parameters(model.parameters) if model.parameters else model.parameters_text
    said = [f"{size} parameters"] if size else []
    said += [f"trained for a context of {model.context} tokens"] if model.context else []
    if said:
        yield from _field("size", ", ".join(said))
    yield from _field("made for", ", ".join([*(kind.value for kind in model.kinds), *_more(details)]))
    note = f" ({model.licence_note})" if model.licence_note else ""
    yield from _field("licence", f"{model.licence or 'not known'}{note}")
    if model.aliases:
        yield from _field("short names", ", ".join(model.aliases))
    if details.note:
        yield from _field("your note", details.note)


def _more(details: ModelDetails) -> list[str]:
    model = details.model
    kinds = {kind.value for kind in model.kinds} if model else set()
    return [word for word in (model.capabilities if model else ()) if word not in kinds]


def _chosen(found: Resolved, details: ModelDetails) -> VariantDetails | None:
    """The variant that was named, else the one that is here, else the one to get."""
    if found.variant is not None:
        return next((one for one in details.variants if one.variant is found.variant), None)
    here = next((one for one in details.variants if one.installed is not None), None)
    return here or next((one for one in details.variants if one.proposed), None)


def _cells(one: VariantDetails, chosen: bool, details: ModelDetails) -> tuple[str, ...]:
    variant, fit = one.variant, one.fit
    quantisation = variant.quantisation if variant else one.installed.facts.quantisation if one.installed else ""
    size = variant.size if variant else one.installed.size if one.installed else None
    needs = fit.estimate.memory + fit.estimate.gpu if fit else None
    if one.key == details.row.key:
        here = here_text(details.row)
    else:
        here = (
            "installed" if one.installed else "no file" if variant and variant.proof is Proof.UNAVAILABLE else NO_VALUE
        )
    return (
        ">" if chosen else "",
        quantisation or NO_VALUE,
        bytes_text(size),
        needs_text(needs, fit.source.value if fit else ""),
        fits_text(fit.verdict if fit else None),
        here,
        trust_text(variant.tier.value if variant else "local"),
        variant.repository if variant else "",
    )


def _variant(variant: Variant) -> Iterator[str]:
    yield from _field("publisher", f"{variant.publisher}, {variant.tier.value}: {variant.evidence}")
    if variant.reason:
        yield from _field(variant.proof.value, variant.reason)
    for note in variant.notes:
        yield from _field("note", note)
    if variant.revision:
        yield from _field("revision", variant.revision)
    elif variant.repository and variant.proof is not Proof.UNAVAILABLE:
        yield from _field("revision", "not pinned: whatever is newest, proven by its hash")
    for file in variant.files:
        yield from _field("file", f"{file.path}, {_bytes(file.size)}")
        if file.sha256:
            yield f"{'sha256':<{_INDENT}}{file.sha256}"
        if file.attestations:
            times = "one source" if file.attestations == 1 else f"{file.attestations} independent sources"
            yield from _field("", f"given by {times}")


def _bytes(size: int | None) -> str:
    return "size not known" if size is None else f"{size:,} bytes".replace(",", " ")


def _elsewhere(found: Resolved) -> Iterator[str]:
    """What stands in no list of ours."""
    if found.path is not None and found.path.is_file():
        header = read_model(found.path)
        facts = facts_of(header)
        yield from _field("model", header.name or found.path.name)
        yield from _field("size", f"{parameters(header.parameters)} parameters, {header.quantisation or NO_VALUE}")
        yield from _field("context", f"{tokens(header.context_trained or None)} tokens")
        yield from _field("made for", ", ".join(facts.capabilities) or NO_VALUE)
        yield from _field("licence", facts.licence or "not known")
        return
    if found.repository:
        yield from _field("repository", found.repository)
    for name, text in (("quant", found.quantisation), ("file", found.file), ("revision", found.revision)):
        if text:
            yield from _field(name, text)
    if found.meaning in (Meaning.REPOSITORY, Meaning.FILE):
        yield from _field("", "What is in it only Hugging Face knows: offgrid search.")


def _field(name: str, text: str) -> Iterator[str]:
    """A name and its text, wrapped in a terminal."""
    width = terminal_width()
    line = clean_line(text, 1000)
    wrapped = [line] if width is None else textwrap.wrap(line, max(30, width - _INDENT), break_on_hyphens=False)
    for number, part in enumerate(wrapped):
        yield f"{'' if number else name:<{_INDENT}}{part}".rstrip()


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _json(found: Resolved, details: ModelDetails | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": found.text,
        "meaning": found.meaning.value,
        "why": found.why,
        "through": list(found.through),
        "installed": found.installed,
        "variant": found.variant.key if found.variant else None,
        "repository": found.repository or None,
        "quantisation": found.quantisation or None,
        "file": found.file or None,
        "revision": found.revision or None,
        "path": str(found.path) if found.path else None,
        "address": found.address or None,
        "row": None,
        "model": None,
        "variants": [],
    }
    if details is None:
        return value
    row = {key: item for key, item in row_json(details.row).items() if key != "model"}
    model = (
        {key: item for key, item in model_json(details.model).items() if key != "variants"} if details.model else None
    )
    return value | {"row": row, "model": model, "variants": [_variant_json(one) for one in details.variants]}


def _variant_json(one: VariantDetails) -> dict[str, Any]:
    fit = one.fit
    return {
        **(variant_json(one.variant) if one.variant else {"key": one.key}),
        "installed": one.installed.id if one.installed else None,
        "path": str(one.installed.path) if one.installed else None,
        "needs_bytes": fit.estimate.memory + fit.estimate.gpu if fit else None,
        "needs_from": fit.source.value if fit else None,
        "context": fit.use.context if fit else None,
        "verdict": fit.verdict.level.value if fit else None,
        "reason_fit": fit.verdict.reason if fit else None,
        "proposed": one.proposed,
    }
