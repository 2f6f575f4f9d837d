"""`offgrid alias`: the user's own short names for models."""

from __future__ import annotations

import argparse
import asyncio
import json

from offgrid_tui.catalog.store import aliases, remove_alias, set_alias
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.clock import SystemClock
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("alias", nargs="?", metavar="ALIAS", help="the short name; without it all are listed")
    parser.add_argument("target", nargs="?", metavar="NAME", help="what it stands for: anything that names a model")
    parser.add_argument("--remove", action="store_true", help="forget the short name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = "A short name of your own comes before those of the catalog."


def run(args: argparse.Namespace) -> int:
    if args.alias is None and (args.remove or args.target):
        raise UsageError("Say which short name")
    if args.remove and args.target:
        raise UsageError("--remove takes the short name alone")
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    why = ""
    async with open_models(paths, load_settings(paths)) as opened:
        if args.remove:
            if not await opened.database.write(lambda conn: remove_alias(conn, args.alias)):
                raise NotFoundError(
                    f"You have no short name {clean_line(args.alias)}",
                    mend="`offgrid alias` lists those that you have.",
                )
        elif args.target is not None:
            why = opened.resolver.resolve(args.target).why  # what means nothing now would mean nothing later
            now = SystemClock().wall()
            await opened.database.write(lambda conn: set_alias(conn, args.alias, args.target, now))
        found = await opened.database.read(aliases)
    if args.json:
        print(json.dumps({"aliases": found}, ensure_ascii=False, indent=2))
    elif args.remove:
        print(f"{clean_line(args.alias)} is forgotten.")
    elif args.target is not None:
        print(f"{clean_line(args.alias)} stands for {clean_line(args.target)}: {clean_line(why)}.")
    else:
        listed = {alias: target for alias, target in found.items() if args.alias in (None, alias)}
        if not listed:
            print("You have no short names of your own. `offgrid alias ALIAS NAME` makes one.")
        width = max((len(alias) for alias in listed), default=0)
        for alias, target in listed.items():
            print(f"{alias:<{width}}  {clean_line(target, 300)}")
    return int(ExitCode.OK)
