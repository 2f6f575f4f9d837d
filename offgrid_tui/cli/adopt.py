"""`offgrid adopt`: takes other tools' models into the list where they lie."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from offgrid_tui.cli.installed import model_json, refused_json, tell_refused
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode, NotFoundError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.adopting import Adopted
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.finders.places import TOOLS, any_folder, stores
from offgrid_tui.library.importing import Refused
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "places", nargs="*", metavar="PLACE", help=f"{', '.join(TOOLS)}, or a folder; all four tools without one"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be adopted")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Adopted files are read, never written, moved or deleted; `offgrid remove` only forgets them. Looked for where "
        "HF_HUB_CACHE, HF_HOME, LLAMA_CACHE and OLLAMA_MODELS say, and where LM Studio's settings do."
    )


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    wanted = _stores(args.places)
    adopted: list[tuple[Store, Adopted]] = []
    refused: list[Refused] = []
    async with open_models(paths, load_settings(paths)) as opened:
        for store in wanted:
            found, left = await opened.models.library.adopt(store, dry=args.dry_run)
            adopted += [(store, one) for one in found]
            refused += left
    if args.json:
        value = {
            "adopted": [{"already": one.already, **model_json(one.model)} for _, one in adopted],
            "refused": [refused_json(one) for one in refused],
            "looked": [str(store.folder) for store in wanted],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    for store, one in adopted:
        print(f"{_sentence(one, dry=args.dry_run)} ({clean_line(store.tool)})")
    for each in refused:
        tell_refused(each)
    if not adopted and not refused:
        print("Nothing to adopt. Looked in:")
        for store in wanted:
            print(f"  {clean_line(store.tool):<13} {clean_line(str(store.folder), 300)}")
    return int(ExitCode.OK)


def _stores(places: list[str]) -> list[Store]:
    known = stores()
    if not places:
        return [store for tool in TOOLS for store in known[tool]]
    found: list[Store] = []
    for place in places:
        if place in known and not Path(place).is_dir():
            found += known[place]
            continue
        folder = Path(place).expanduser().absolute()
        if not folder.is_dir():
            raise NotFoundError(
                f"There is no folder {clean_line(place)}",
                detail=f"The tools that are known are {', '.join(TOOLS)}.",
                mend="Name one of these, or a folder.",
            )
        # A folder that is some tool's is read as that tool lays it out.
        found.append(next((s for tool in TOOLS for s in known[tool] if s.folder == folder), None) or any_folder(folder))
    return found


def _sentence(one: Adopted, *, dry: bool) -> str:
    model = one.model
    name = clean_line(f"{model.name} {model.facts.quantisation}".strip())
    if one.already:
        return f"{name} is here already: {model.id}"
    return f"{'would adopt' if dry else 'adopted'} {name}, {bytes_text(model.size)}: {model.id}"
