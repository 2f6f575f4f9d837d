"""`offgrid remove`: takes a model off the disk, or forgets an adopted one."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from offgrid_tui.cli.installed import installed_row, model_json
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.removing import Removal
from offgrid_tui.models.details import Removed
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="an id, a name, a short name or the model's file")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object; needs --yes")
    parser.epilog = "An adopted model is only forgotten: its files belong to another tool. A pinned one is refused."


def run(args: argparse.Namespace) -> int:
    if not args.yes and (args.json or not sys.stdin.isatty()):
        raise UsageError("Nobody can be asked here", mend="Say --yes to remove without a question.")
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        row = installed_row(opened, args.name)
        plan = await opened.models.plan_removal(row.key)
        if not args.json:
            _tell(plan)
        if not args.yes and not await asyncio.to_thread(_agreed, plan):
            print("Nothing was removed.")
            return int(ExitCode.FAILED)
        done = await opened.models.remove(row.key)
    if args.json:
        value = {
            "removed": model_json(done.removal.model),
            "deleted": [str(path) for path in done.removal.files],
            "kept": [{"path": str(path), "why": why} for path, why in done.removal.kept],
            "freed_bytes": done.freed,
            "was_active": done.was_active,
            "active": done.successor.id if done.successor else None,
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        print(_sentence(done))
    return int(ExitCode.OK)


def _tell(plan: Removal) -> None:
    for path in plan.files:
        print(f"delete  {clean_line(str(path), 300)}")
    for path, why in plan.kept:
        print(f"keep    {clean_line(str(path), 300)}: {clean_line(why)}")


def _agreed(plan: Removal) -> bool:
    name = clean_line(plan.model.name)
    what = f"Forget {name}" if plan.forgets_only else f"Remove {name} and free {bytes_text(plan.frees)}"
    try:
        return input(f"{what}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _sentence(done: Removed) -> str:
    name = clean_line(done.removal.model.name)
    said = f"{name} is forgotten; its files stay" if done.removal.forgets_only else f"{name} is removed"
    said += f", {bytes_text(done.freed)} came free" if done.freed else ""
    if done.was_active:
        successor = clean_line(done.successor.name) if done.successor else ""
        said += f". {successor} answers from now on" if successor else ". No model was used before it, so none answers"
    return said + "."
