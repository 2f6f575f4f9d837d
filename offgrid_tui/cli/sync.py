"""`offgrid sync`: brings a medium and this home to the same state, and writes only what changed."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from offgrid_tui.cli.bundles import compared_json, exported_json, plan_json, plan_lines, service, size_of, tell_exported
from offgrid_tui.cli.installed import progress
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.model import InstalledModel, Origin
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.comparing import absent
from offgrid_tui.transfer.errors import NoBundle, UnfinishedBundle
from offgrid_tui.transfer.model import Compared
from offgrid_tui.transfer.service import Prepared, TransferService


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the mounted stick, or any folder")
    parser.add_argument("--delete", action="store_true", help="remove from the medium what is not here")
    parser.add_argument("--dry-run", action="store_true", help="say what differs, both ways, and write nothing")
    parser.add_argument("--key", metavar="NAME", default="", help="the key to sign with (default: your first)")
    parser.add_argument("--part-size", metavar="SIZE", help="cut files that are larger into parts of this size")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Writes what is here and not, or otherwise, on the medium. The other way is `offgrid import DIR`, which also "
        "brings only what is not here. Models of the program itself and of other tools are left out."
    )


def run(args: argparse.Namespace) -> int:
    part = size_of(args.part_size) if args.part_size else None
    return asyncio.run(_run(args, part, Paths.from_environment()))


async def _run(args: argparse.Namespace, part: int | None, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        library = opened.models.library
        models = tuple(
            one for one in library.models if one.origin not in (Origin.ADOPTED, Origin.BUNDLED) and not one.problem
        )
        transfer = service(opened, paths)
        folder = Path(args.folder).expanduser().absolute()
        if args.dry_run:
            there = await _there(transfer, folder)
            prepared, why = await _plan(transfer, models, folder, part, args)
            _tell(there, models, prepared, why, in_json=args.json)
            return int(ExitCode.OK)
        prepared, why = await _plan(transfer, models, folder, part, args)
        if prepared is None:
            raise why or OffGridError("The medium can't be written")
        if prepared.plan.nothing and prepared.base.signature and not prepared.base.unfinished:
            if args.json:
                print(json.dumps({"folder": str(folder), "written_bytes": 0, "nothing": True}, indent=2))
            else:
                print("Nothing to write: the medium has all that is here.")
            return int(ExitCode.OK)
        with progress(opened):
            done = await transfer.export(prepared)
    if args.json:
        print(json.dumps(exported_json(done), ensure_ascii=False, indent=2))
    else:
        for line in plan_lines(prepared):
            print(line)
        tell_exported(done)
    return int(ExitCode.OK)


async def _there(transfer: TransferService, folder: Path) -> tuple[Compared, ...]:
    """What the medium holds; nothing where it holds no whole bundle."""
    try:
        return await transfer.compare(await transfer.read(folder))
    except (NoBundle, UnfinishedBundle):
        return ()


async def _plan(
    transfer: TransferService,
    models: tuple[InstalledModel, ...],
    folder: Path,
    part: int | None,
    args: argparse.Namespace,
) -> tuple[Prepared | None, OffGridError | None]:
    """The plan; where there can be none, since somebody else signed what is there, why."""
    try:
        return await transfer.plan(models, folder, part=part, remove_others=args.delete, key=args.key), None
    except OffGridError as error:
        return None, error


def _tell(
    there: tuple[Compared, ...],
    models: tuple[InstalledModel, ...],
    prepared: Prepared | None,
    why: OffGridError | None,
    *,
    in_json: bool,
) -> None:
    missing = absent([one.model for one in there], models)
    if in_json:
        value = {
            "there": [compared_json(one) for one in there],
            "only_here": [one.id for one in missing],
            "plan": plan_json(prepared) if prepared is not None else None,
            "problem": why.title if why is not None else None,
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return
    print("On the medium, against what is here:")
    for one in there:
        print(f"  {one.standing.value:<8}{clean_line(one.model.label)}, {bytes_text(one.model.size)}")
    if not there:
        print("  nothing")
    print("Here, and not on the medium:")
    for model in missing:
        print(f"  {clean_line(f'{model.name} {model.facts.quantisation}'.strip())}, {bytes_text(model.size)}")
    if not missing:
        print("  nothing")
    if prepared is None:
        print(f"It can't be written: {why.title if why is not None else ''}")
        return
    print("A sync would:")
    for line in plan_lines(prepared) or ["do nothing"]:
        print(f"  {line}")
    print(f"  {bytes_text(prepared.plan.needed)} needed, {bytes_text(prepared.plan.medium.free)} free")
