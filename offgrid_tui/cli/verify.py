"""`offgrid verify`: reads models again and compares them with what was promised."""

from __future__ import annotations

import argparse
import asyncio
import json

from offgrid_tui.cli.installed import installed_row, model_json, progress
from offgrid_tui.cli.list_ import CHECKS
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.model import Origin
from offgrid_tui.library.verifying import Verified
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="an id, a name, a short name or the model's file")
    parser.add_argument("--all", action="store_true", help="every model that is here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Exit code 0 where every file is what it was, 7 where one is not. A file whose SHA-256 nobody knew gets it "
        "recorded."
    )


def run(args: argparse.Namespace) -> int:
    if bool(args.names) == args.all:
        raise UsageError("Say which model, or --all")
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    done: list[Verified] = []
    async with open_models(paths, load_settings(paths)) as opened:
        if args.all:
            keys = [
                row.key for row in opened.models.rows() if row.installed and row.installed.origin is not Origin.BUNDLED
            ]
        else:
            keys = [installed_row(opened, name).key for name in args.names]
        with progress(opened) as line:
            for key in dict.fromkeys(keys):
                # The key of a row may change once its bytes are known: they may turn out to be the catalog's.
                one = await opened.models.verify(key)
                done.append(one)
                if not args.json:
                    line.clear()
                    _tell(one)
    if args.json:
        print(json.dumps({"verified": [_value(one) for one in done]}, ensure_ascii=False, indent=2))
    elif not done:
        print("No model is here.")
    return int(ExitCode.DAMAGED if any(one.model.problem for one in done) else ExitCode.OK)


def _tell(one: Verified) -> None:
    name = clean_line(f"{one.model.name} {one.model.facts.quantisation}".strip())
    word = clean_line(one.model.problem) if one.model.problem else CHECKS[one.model.check]
    print(f"{name}, {bytes_text(one.model.size)}: {word}")
    for file in one.files:
        same = "same" if file.expected and file.same else "recorded" if file.same else "differs"
        print(f"  {file.found or '-' * 64}  {same:<8}  {clean_line(file.file.path.name)}")
        if not file.same and file.expected and file.found:
            print(f"  {file.expected}  expected")


def _value(one: Verified) -> dict[str, object]:
    return {
        **model_json(one.model),
        "results": [
            {
                "path": str(file.file.path),
                "expected": file.expected,
                "found": file.found,
                "same": file.same,
                "problem": file.problem or None,
            }
            for file in one.files
        ],
    }
