"""`offgrid catalog`: what can be had, what it needs here, and whether it fits."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from offgrid_tui.catalog.load import FILE, load_catalog
from offgrid_tui.catalog.model import CatalogModel, Kind, Proof, Source, Tier, Variant
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.fit.model import WORDS, Verdict
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, parameters
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.filter import Fits, ModelIndex, Order, Query, is_here
from offgrid_tui.models.model import ModelRow
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_OURS = (Source.BUNDLED, Source.CATALOG, Source.OWN)
_TIERS = {"partner": Tier.PARTNER} | {tier.value: tier for tier in Tier if tier is not Tier.LOCAL}
_COLUMNS = (
    Column("Model", least=22),
    Column("Params", right=True, rank=3),
    Column("Quant"),
    Column("Size", right=True, rank=2),
    Column("Needs", right=True),
    Column("Fits"),
    Column("Trust", rank=1),
    Column("Here"),
)
_UNPROVEN = "; unproven: of its files a size or a SHA-256 is not known, `offgrid show` says which"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="WORD", help='what to look for; "<5GB" and ">3B" are limits')
    parser.add_argument("--kind", choices=[kind.value for kind in Kind], help="made for this")
    parser.add_argument("--fits", action="store_true", help="only what fits this machine")
    parser.add_argument("--tier", choices=list(_TIERS), help="only files whose publisher is at least so well known")
    parser.add_argument("--installed", action="store_true", help="only what is here")
    orders = {order.value.replace(" ", "-"): order for order in (Order.BEST, Order.NAME, Order.PARAMETERS, Order.SIZE)}
    parser.add_argument("--sort", choices=list(orders), default="name", help="what comes first (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every file of every variant")
    parser.set_defaults(orders=orders)
    parser.epilog = (
        "The quantisation shown is the one that fits this machine best; `offgrid show NAME` has all of them."
    )


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    return asyncio.run(_run(args, paths))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        listed = [row for row in opened.models.rows() if row.model is not None and row.model.source in _OURS]
    query = Query(
        text=" ".join(args.words),
        fits=Fits.YES if args.fits else Fits.ALL,
        kind=Kind(args.kind) if args.kind else None,
        order=args.orders[args.sort],
    )
    found = [row for row in ModelIndex(listed).find(query) if not args.installed or is_here(row)]
    if args.tier:
        trusted = list(Tier)[: list(Tier).index(_TIERS[args.tier]) + 1]
        found = [row for row in found if Tier(row.trust) in trusted]
    if args.json:
        value = {"models": [row_json(row) for row in found], "of": len(listed)}
        print(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for line in lines(_COLUMNS, (_cells(row) for row in found), terminal_width()):
            print(line)
        print(f"{len(found)} of {len(listed)}" + (_UNPROVEN if any(map(_is_unproven, found)) else ""))
    tell_problems(paths)
    return int(ExitCode.OK)


def tell_problems(paths: Paths) -> None:
    """What is wrong in the user's own catalog, on stderr."""
    if (paths.config / FILE).exists():
        for problem in load_catalog(paths).problems:
            print(f"offgrid: {clean(str(problem))}", file=sys.stderr)


def _cells(row: ModelRow) -> tuple[str, ...]:
    said = row.model.parameters_text if row.model else ""
    return (
        row.name,
        parameters(row.parameters) if row.parameters else said or NO_VALUE,
        row.quantisation or NO_VALUE,
        bytes_text(row.size),
        needs_text(row.needs, row.needs_from),
        fits_text(row.verdict),
        trust_text(row.trust),
        here_text(row),
    )


def needs_text(needs: int | None, source: str) -> str:
    """With a tilde where only the size of the file is known."""
    return f"~{bytes_text(needs)}" if needs is not None and source == "size" else bytes_text(needs)


def fits_text(verdict: Verdict | None) -> str:
    return WORDS[verdict.level].word if verdict else NO_VALUE


def trust_text(trust: str) -> str:
    return "partner" if trust == Tier.PARTNER else trust


def here_text(row: ModelRow) -> str:
    if row.state is ModelState.AVAILABLE:
        return "unproven" if _is_unproven(row) else NO_VALUE
    return "no file" if row.state is ModelState.UNAVAILABLE else row.state.value


def _is_unproven(row: ModelRow) -> bool:
    unverified = row.variant is not None and row.variant.proof is Proof.UNVERIFIED
    return unverified and row.state is ModelState.AVAILABLE


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def row_json(row: ModelRow) -> dict[str, Any]:
    """A row with its model: `key`, `quantisation`, sizes and verdict are of the variant that is shown."""
    return {
        "key": row.key,
        "state": row.state.value,
        "quantisation": row.quantisation,
        "size_bytes": row.size,
        "needs_bytes": row.needs,
        "needs_from": row.needs_from or None,
        "verdict": row.verdict.level.value if row.verdict else None,
        "tier": row.trust,
        "installed": row.installed.id if row.installed else None,
        "favourite": row.favourite,
        "model": model_json(row.model) if row.model else None,
    }


def model_json(model: CatalogModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "source": model.source.value,
        "family": model.family,
        "maker": model.maker,
        "base": model.base,
        "parameters": model.parameters,
        "parameters_text": model.parameters_text,
        "context": model.context,
        "licence": model.licence,
        "licence_note": model.licence_note,
        "kinds": [kind.value for kind in model.kinds],
        "capabilities": list(model.capabilities),
        "template": model.template,
        "aliases": list(model.aliases),
        "variants": [variant_json(variant) for variant in model.variants],
    }


def variant_json(variant: Variant) -> dict[str, Any]:
    return {
        "key": variant.key,
        "quantisation": variant.quantisation,
        "repository": variant.repository,
        "revision": variant.revision,
        "publisher": variant.publisher,
        "tier": variant.tier.value,
        "evidence": variant.evidence,
        "proof": variant.proof.value,
        "reason": variant.reason,
        "notes": list(variant.notes),
        "gated": variant.gated,
        "size_bytes": variant.size,
        "files": [
            {
                "path": file.path,
                "role": file.role.value,
                "size_bytes": file.size,
                "sha256": file.sha256,
                "attestations": file.attestations,
                "repository": file.repository or variant.repository,
                "url": file.url or None,
            }
            for file in variant.files
        ],
    }
