"""`offgrid export`: writes models to a stick or folder, signed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from offgrid_tui.cli.bundles import exported_json, plan_json, plan_lines, service, size_of, tell_exported
from offgrid_tui.cli.installed import installed_row, progress
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.errors import spaced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="installed models")
    parser.add_argument("folder", metavar="DIR", help="the mounted stick, or any folder")
    parser.add_argument("--key", metavar="NAME", default="", help="the key to sign with (default: your first)")
    parser.add_argument(
        "--part-size", metavar="SIZE", help="cut files that are larger into parts of this size (650M, 1G)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, and whether it fits")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Adds to a bundle of yours that is there. On FAT32 files of 4 GiB and more are cut into parts of 1 GiB. "
        "Cut off, the same command goes on where it was. What is not in OffGrid yet: the program itself on the stick."
    )


def run(args: argparse.Namespace) -> int:
    part = size_of(args.part_size) if args.part_size else None
    return asyncio.run(_run(args, part, Paths.from_environment()))


async def _run(args: argparse.Namespace, part: int | None, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        rows = [installed_row(opened, name) for name in args.names]
        models = {row.installed.id: row.installed for row in rows if row.installed is not None}
        transfer = service(opened, paths)
        folder = Path(args.folder).expanduser().absolute()
        prepared = await transfer.plan(tuple(models.values()), folder, part=part, key=args.key)
        if prepared.new_key:
            print(f"A key was made to sign with: {prepared.key.name}", file=sys.stderr)
            print(f"  {spaced(prepared.key.fingerprint)}", file=sys.stderr)
        if args.dry_run:
            if args.json:
                print(json.dumps(plan_json(prepared), ensure_ascii=False, indent=2))
            else:
                for line in plan_lines(prepared):
                    print(line)
                print(f"{bytes_text(prepared.plan.needed)} needed, {bytes_text(prepared.plan.medium.free)} free")
            return int(ExitCode.OK)
        with progress(opened):
            done = await transfer.export(prepared)
    if args.json:
        print(json.dumps(exported_json(done), ensure_ascii=False, indent=2))
    else:
        tell_exported(done)
    return int(ExitCode.OK)
