"""`offgrid import`: brings models from files and folders."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from pathlib import Path

from offgrid_tui.cli.import_bundle import add_arguments as bundle_arguments
from offgrid_tui.cli.import_bundle import import_bundle
from offgrid_tui.cli.installed import model_json, progress, refused_json, tell_refused
from offgrid_tui.cli.list_ import CHECKS
from offgrid_tui.cli.models import open_models
from offgrid_tui.foundation.errors import ExitCode, OffGridError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.errors import Stopped
from offgrid_tui.library.importing import Imported, Refused, Wish, find_sets
from offgrid_tui.library.place import ALL, Method
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.reading import folder_of

_SAID = {
    Method.REFLINK: "shares the blocks of the original (reflink)",
    Method.HARDLINK: "a second name of the original (hardlink)",
    Method.COPY: "copied",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="a .gguf file, any part of a split set, a folder, or a stick's bundle"
    )
    parser.add_argument("--copy", action="store_true", help="copy, even where the bytes could be shared")
    parser.add_argument("--sha256", metavar="HEX", help="take the file only if this is its SHA-256")
    parser.add_argument("--name", metavar="NAME", help="how the model is called in lists")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    bundle_arguments(parser)
    parser.epilog = (
        "Without a PATH, mounted sticks and disks are searched for a bundle. "
        "Parts of a split set and the projector (mmproj) beside a model come with it. The original stays where it is; "
        "`offgrid adopt` takes models into the list without bringing them."
    )


def run(args: argparse.Namespace) -> int:
    wish = _wish(args)
    return asyncio.run(_run(args, wish, Paths.from_environment()))


def _wish(args: argparse.Namespace) -> Wish:
    sha256 = args.sha256.lower().removeprefix("sha256:") if args.sha256 else None
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise UsageError("That is not a SHA-256", detail="It has 64 hexadecimal digits.")
    return Wish((Method.COPY,) if args.copy else ALL, sha256, args.name or "")


def _bundle(args: argparse.Namespace) -> Path | None:
    """The folder with a bundle that was named; None where files and plain folders were."""
    found = [folder for text in args.paths if (folder := folder_of(Path(text).expanduser().absolute())) is not None]
    if found and len(args.paths) > 1:
        raise UsageError("A bundle is imported by itself", mend="Name one at a time.")
    if (found or not args.paths) and (args.sha256 or args.name):
        raise UsageError("--sha256 and --name are for files", mend="A bundle says both of each of its models.")
    if args.paths and not found and (args.trust_once or args.unsigned or args.only or args.dry_run or args.check):
        raise UsageError(
            "--trust-once, --unsigned, --only, --dry-run and --check are for bundles",
            detail="No offgrid-bundle is there.",
            mend="Name the folder that holds offgrid-bundle.",
        )
    return found[0] if found else None


async def _run(args: argparse.Namespace, wish: Wish, paths: Paths) -> int:
    done: list[Imported] = []
    refused: list[Refused] = []
    async with open_models(paths, load_settings(paths)) as opened:
        if (folder := _bundle(args)) is not None or not args.paths:
            return await import_bundle(opened, paths, folder, args)
        with progress(opened) as line:
            for text in args.paths:
                try:
                    sets, left = await asyncio.to_thread(find_sets, Path(text).expanduser().absolute())
                except OffGridError as error:
                    sets, left = [], [Refused(Path(text), error)]
                except OSError as error:
                    sets, left = [], [Refused(Path(text), OffGridError(str(error.strerror)))]
                refused += left
                if (wish.sha256 or wish.name) and len(sets) > 1:
                    raise UsageError("Several models were named", mend="--sha256 and --name are for one model.")
                for found in sets:
                    try:
                        one = await opened.models.library.import_set(found, wish)
                    except Stopped:
                        raise
                    except OffGridError as error:
                        refused.append(Refused(found.weights[0], error))
                        continue
                    done.append(one)
                    if not args.json:
                        line.clear()
                        print(_sentence(one))
    if args.json:
        value = {
            "imported": [
                {"method": one.method.value if one.method else None, "already": one.already, **model_json(one.model)}
                for one in done
            ],
            "refused": [refused_json(one) for one in refused],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    if refused and not done and not args.json and len(refused) == 1:
        raise refused[0].error
    for each in refused:
        tell_refused(each)
    return int(ExitCode.OK if not refused else refused[0].error.exit_code)


def _sentence(one: Imported) -> str:
    model = one.model
    name = clean_line(f"{model.name} {model.facts.quantisation}".strip())
    if one.already or one.method is None:
        return f"{name} is here already: {model.id}"
    files = f"{len(model.files)} files, " if len(model.files) > 1 else ""
    return f"{name}: {files}{bytes_text(model.size)}, {_SAID[one.method]}, {CHECKS[model.check]}: {model.id}"
