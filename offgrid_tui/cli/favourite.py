"""`offgrid favourite`: what a person says about a model: favourite, pinned, a note."""

from __future__ import annotations

import argparse
import asyncio
import json

from offgrid_tui.cli.installed import installed_row
from offgrid_tui.cli.models import Opened, open_models
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, UsageError
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.library.store import Mark
from offgrid_tui.models.model import ModelRow
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a model, here or not; without it all marks are listed")
    parser.add_argument("--off", action="store_true", help="no favourite any more")
    pin = parser.add_mutually_exclusive_group()
    pin.add_argument("--pin", action="store_true", help="never remove it")
    pin.add_argument("--unpin", action="store_true", help="let it be removed again")
    parser.add_argument("--note", metavar="TEXT", help="keep a note with it; an empty one takes it away")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = "With --pin, --unpin or --note alone, whether it is a favourite stays as it is."


def run(args: argparse.Namespace) -> int:
    if args.name is None and (args.off or args.pin or args.unpin or args.note is not None):
        raise UsageError("Say which model")
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        library = opened.models.library
        if args.name is not None:
            row = _row(opened, args.name)
            if args.pin or args.unpin:
                installed = installed_row(opened, args.name).installed
                assert installed is not None  # installed_row gives no other
                await library.pin(installed.id, args.pin)
            if args.note is not None:
                await library.note(row.key, args.note)
            if args.off or not (args.pin or args.unpin or args.note is not None):
                await opened.models.favourite(row.key, not args.off)
            await opened.models.refresh()
            rows = [opened.models.row(row.key)]
        else:
            marked = library.marks
            rows = [
                row for row in opened.models.rows() if row.key in marked or (row.installed and row.installed.pinned)
            ]
        marks = dict(library.marks)
    if args.json:
        values = [
            {
                "key": row.key,
                "name": row.name,
                "favourite": row.favourite,
                "pinned": bool(row.installed and row.installed.pinned),
                "note": marks.get(row.key, Mark()).note or None,
            }
            for row in rows
        ]
        print(json.dumps({"models": values}, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    if not rows:
        print("No model is marked.")
    for row in rows:
        words = [word for word, on in (("favourite", row.favourite), ("pinned", _pinned(row))) if on]
        print(f"{clean_line(row.name)}: {', '.join(words) or 'not marked'}")
        for line in clean(marks.get(row.key, Mark()).note).splitlines():
            print(f"  {line}")
    return int(ExitCode.OK)


def _pinned(row: ModelRow) -> bool:
    return bool(row.installed and row.installed.pinned)


def _row(opened: Opened, name: str) -> ModelRow:
    row = opened.row(opened.resolver.resolve(name))
    if row is None:
        raise NotFoundError(f"{clean_line(name)} is in no list", mend="Only what is listed can be marked.")
    return row
