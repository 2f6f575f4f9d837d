"""`offgrid search`: models on Hugging Face, or those that were seen there before."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from typing import Any

from offgrid_tui.catalog.hub.files import rough_size
from offgrid_tui.catalog.hub.model import Found, Search, Sort
from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.cli.catalog import model_json, trust_text
from offgrid_tui.cli.hub import open_hub
from offgrid_tui.cli.main import print_error
from offgrid_tui.cli.search_files import age_text, moment, show_files
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode, OffGridError, UsageError
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, parameters
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (
    Column("Repository", least=30),
    Column("Params", right=True, rank=2),
    Column("Quants"),
    Column("Size", right=True),
    Column("Downloads", right=True, rank=1),
    Column("Trust"),
)
_UNITS = {"": 1, "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="words that the repository's name has to hold")
    parser.add_argument("--author", metavar="NAME", default="", help="only of this user or organisation")
    parser.add_argument("--quant", metavar="NAME", default="", help="only in this quantisation: Q4_K_M, IQ3_XXS …")
    parser.add_argument("--max-size", type=_size, metavar="SIZE", help="only files up to this size: 5GB, 800MB")
    sorts = [sort.value for sort in Sort]
    parser.add_argument("--sort", choices=sorts, default=sorts[0], help="what comes first (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="models on a page, 1 to 100 (%(default)s)")
    parser.add_argument("--page", type=int, default=1, metavar="N", help="which page (%(default)s)")
    parser.add_argument("--files", action="store_true", help="TEXT is one repository, ORG/NAME: list what it holds")
    parser.add_argument("--offline", action="store_true", help="ask nobody: only what was seen before")
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every file of every variant")
    parser.epilog = (
        "Only repositories with GGUF files are found. A size with ~ is estimated from the number of parameters. "
        "Where the hub can't be asked, what was seen before is shown with its age, and the reason on stderr."
    )


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    settings = load_settings(paths)
    if args.files:
        if len(args.text) != 1:
            raise UsageError("Say which repository", mend="offgrid search --files ORG/NAME")
        return asyncio.run(show_files(paths, settings, args.text[0], offline=args.offline, as_json=args.json))
    search = Search(
        text=" ".join(args.text),
        author=args.author,
        quantisation=args.quant,
        max_size=args.max_size,
        sort=Sort(args.sort),
        page=args.page,
        limit=args.limit,
    )

    async def find() -> Found:
        async with open_hub(paths, settings) as hub:
            return await hub.search(search, offline=args.offline)

    found = asyncio.run(find())
    if args.json:
        print(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
    else:
        for line in lines(_COLUMNS, (_cells(model) for model in found.models), terminal_width()):
            print(line)
        print(_summary(found, time.time()))
    if found.problem is not None:
        print_error(found.problem)
        if not found.models:  # nothing that could stand in for an answer
            return int(found.problem.exit_code)
    if found.unsized:
        print(f"offgrid: {found.unsized} left out, for the hub tells no size of theirs", file=sys.stderr)
    return int(ExitCode.OK)


def _cells(model: CatalogModel) -> tuple[str, ...]:
    variants = model.variants
    quants = list(dict.fromkeys(variant.quantisation for variant in variants if variant.quantisation))
    return (
        variants[0].repository + (" (gated)" if variants[0].gated else ""),
        parameters(model.parameters),
        quants[0] if len(quants) == 1 else str(len(quants)),
        _size_text(model),
        str(model.downloads) if model.downloads is not None else NO_VALUE,
        trust_text(variants[0].tier.value),
    )


def _size_text(model: CatalogModel) -> str:
    """Of the smallest variant that fits the search."""
    exact = [variant.size for variant in model.variants if variant.size is not None]
    if exact:
        return bytes_text(min(exact))
    rough = [rough_size(model.parameters, variant.quantisation) for variant in model.variants]
    known = [size for size in rough if size is not None]
    return f"~{bytes_text(min(known))}" if known else NO_VALUE


def _summary(found: Found, now: float) -> str:
    count = f"{len(found.models)} model{'' if len(found.models) == 1 else 's'}"
    if found.search.page > 1:
        count += f" on page {found.search.page}"
    if found.more:
        count += f", more on page {found.search.page + 1}"
    if not found.cached:
        return f"{count}, from the hub now"
    if found.seen is None:
        return f"{count}: nothing like it was seen before"
    return f"{count}, seen before: as of {age_text(now - found.seen)} ago"


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "models": [
            {
                **model_json(model),
                "repository": model.variants[0].repository,
                "downloads": model.downloads,
                "likes": model.likes,
                "updated": moment(model.updated),
                "seen": moment(model.seen),
            }
            for model in found.models
        ],
        "page": found.search.page,
        "more": found.more,
        "cached": found.cached,
        "seen": moment(found.seen),
        "left_out_for_unknown_size": found.unsized,
        "problem": _problem(found.problem),
    }


def _problem(problem: OffGridError | None) -> dict[str, str] | None:
    if problem is None:
        return None
    return {"title": problem.title, "detail": problem.detail, "mend": problem.mend}


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError("a size is a number and a unit: 5GB, 800MB, 4GiB")
    number, unit, binary = match.groups()
    scale = 1024 ** "bkmgt".index(unit) if binary and unit else _UNITS[unit]
    return int(float(number) * scale)
