"""`offgrid run`: from a name to an answer, with everything that lies between."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from offgrid_tui.cli.download import find_all, get_all
from offgrid_tui.cli.fetching import outcome
from offgrid_tui.cli.model_path import model_path
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.trusting import agree
from offgrid_tui.cli.wanted import Wanted
from offgrid_tui.downloads.model import DownloadState
from offgrid_tui.fit.model import WORDS, Level
from offgrid_tui.foundation.errors import ExitCode, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a model by any name, a repository, or a .gguf file")
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="ask this and print the answer; `-` reads it")
    parser.add_argument("--quant", metavar="QUANT", default="", help="in this quantisation")
    parser.add_argument("--file", metavar="FILE", default="", help="this file of the repository")
    parser.add_argument("--limit", type=float, metavar="MB/S", help="take no more than this from the line")
    parser.add_argument("--anyway", action="store_true", help="get it also where it does not fit this machine")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.epilog = "What is not here yet is fetched first. Without a prompt the workstation opens with the model."


def run(args: argparse.Namespace) -> int:
    from offgrid_tui.cli.main import run as command  # it is what imports us

    paths = Paths.from_environment()
    place = Path(args.name).expanduser()
    path = model_path(args.name) if place.suffix.lower() == ".gguf" and place.is_file() else ""
    if not path:
        path = asyncio.run(_get(args, paths))
    if not path:
        return int(ExitCode.INTERRUPTED)
    if args.prompt is not None:
        return command(["ask", "--model", path, "--", args.prompt])
    return command(["open", "--model", path])


async def _get(args: argparse.Namespace, paths: Paths) -> str:
    """The model's file, fetched first where it is not here; empty where that was interrupted.

    Raises:
        RefusedError: it does not fit.
        OffGridError: it can't be had.
    """
    settings = load_settings(paths, overrides={"downloads.limit": args.limit})
    async with open_models(paths, settings) as opened:
        [wanted] = await find_all(opened, [args.name], paths, settings, args.quant, args.file)
        if wanted.installed is not None:
            return str(wanted.installed.path)
        if not args.anyway:
            _require_fit(wanted)
        assert wanted.variant is not None
        await agree(opened.database, [wanted.variant], yes=args.yes)
        [done] = await get_all(opened, [wanted], paths, settings, as_json=False)
        if done.state is DownloadState.FAILED and done.problem is not None:
            raise done.problem.error()
        print(outcome(done), file=sys.stderr)
        if done.state is not DownloadState.INSTALLED:
            return ""
        await opened.models.library.reload()
        return str(opened.models.library.model(done.model).path)


def _require_fit(wanted: Wanted) -> None:
    verdict = wanted.verdict
    if verdict is None or verdict.level in (Level.SAFE, Level.TIGHT):
        return
    raise RefusedError(
        f"{clean_line(wanted.name)} does not fit this machine",
        detail=f"{WORDS[verdict.level].word}: it needs {bytes_text(verdict.needs)}. Nothing was fetched.",
        mend="Take a smaller quantisation (--quant), see `offgrid recommend`, or say --anyway.",
    )
