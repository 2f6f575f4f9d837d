"""`offgrid download`: has models come here, and waits for them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import Proof
from offgrid_tui.cli.fetching import checked, download_json, fetch, open_downloads, outcome
from offgrid_tui.cli.main import print_error
from offgrid_tui.cli.models import Opened, open_models
from offgrid_tui.cli.trusting import agree, confirmed
from offgrid_tui.cli.wanted import Finder, Wanted
from offgrid_tui.downloads.background import go_on
from offgrid_tui.downloads.model import Download, DownloadState
from offgrid_tui.fit.model import Level
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.models.recommended import recommended
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="as `offgrid show` takes it: qwen3:4b, org/name, …")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="the same as NAME")
    parser.add_argument("--file", metavar="FILE", default="", help="this file of the repository")
    parser.add_argument("--quant", metavar="QUANT", default="", help="in this quantisation: Q4_K_M, Q8_0 …")
    parser.add_argument("--all", action="store_true", help="every model of the catalog that fits this machine")
    parser.add_argument("--limit", type=float, metavar="MB/S", help="take no more than this from the line")
    parser.add_argument("--background", action="store_true", help="do not wait: go on without this terminal")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line: progress, states, the end")
    parser.epilog = (
        "Without a name the recommended model is fetched. ctrl+c pauses; `offgrid downloads resume` goes on with what "
        "came. Only what matches its promised SHA-256 is installed."
    )


def run(args: argparse.Namespace) -> int:
    names = [*args.names, *args.model]
    if args.all and names:
        raise UsageError("--all takes no name", mend="Name models, or say --all.")
    if (args.file or args.quant) and len(names) != 1:
        raise UsageError("--file and --quant are for one model", mend="Name the model or the repository.")
    paths = Paths.from_environment()
    settings = load_settings(paths, overrides={"downloads.limit": args.limit})
    if args.limit is not None and settings.downloads.limit != args.limit:
        raise UsageError("--limit has to be a number of megabytes in a second above 0")
    return asyncio.run(_run(args, names, paths, settings))


async def _run(args: argparse.Namespace, names: list[str], paths: Paths, settings: Settings) -> int:
    async with open_models(paths, settings) as opened:
        if args.all:
            found = _fitting(opened)
        elif names:
            found = await find_all(opened, names, paths, settings, args.quant, args.file)
        else:
            found = [await _recommended(opened, quiet=args.json)]
        here = [one for one in found if one.installed is not None]
        missing = [one for one in found if one.installed is None and one.variant is not None]
        if not args.json:
            for one in here:
                assert one.installed is not None
                print(f"{clean_line(one.name)} is here already: {one.installed.id}")
        if args.all and missing and not args.yes:
            _ask_for_all(missing, can=sys.stdin.isatty() and not args.json)
        await agree(opened.database, (one.variant for one in missing if one.variant), yes=args.yes)
        if not args.background:
            done = await get_all(opened, missing, paths, settings, as_json=args.json)
            return _end(args, here, done)
        async with open_downloads(paths, settings, opened, work=False) as downloads:
            queued = [await downloads.get(one.variant, one.name) for one in missing if one.variant is not None]
    if queued:
        await asyncio.to_thread(go_on, paths)
    for download in queued:
        said = f"{download.label} comes in the background: `offgrid downloads --follow` shows it"
        print(json.dumps(download_json(download), ensure_ascii=False) if args.json else said)
    return int(ExitCode.OK)


async def find_all(
    opened: Opened, names: list[str], paths: Paths, settings: Settings, quantisation: str = "", file: str = ""
) -> list[Wanted]:
    """What `names` mean, in their order; nothing is fetched."""
    access = NetworkAccess(NetworkPolicy(settings.network), settings.network)
    hub = HubService(opened.database, access, lambda: load_catalog(paths).publishers)
    try:
        finder = Finder(opened, hub, paths, settings)
        return [await finder.find(name, quantisation, file) for name in names]
    finally:
        await hub.close()


async def get_all(
    opened: Opened, wanted: list[Wanted], paths: Paths, settings: Settings, *, as_json: bool
) -> tuple[Download, ...]:
    """Have them come here, all together, and wait for their end."""
    if not wanted:
        return ()
    async with open_downloads(paths, settings, opened) as downloads:
        ids = [(await downloads.get(one.variant, one.name)).id for one in wanted if one.variant is not None]
        done = {one.id: one for one in await fetch(downloads, opened.bus, ids, as_json=as_json)}
    return tuple(done[id] for id in dict.fromkeys(ids))


def _end(args: argparse.Namespace, here: list[Wanted], done: tuple[Download, ...]) -> int:
    code = ExitCode.OK
    for one in done:
        if args.json:
            print(json.dumps({"event": "end", "checked": checked(one), **download_json(one)}, ensure_ascii=False))
        elif one.state is DownloadState.FAILED and one.problem is not None:
            print_error(one.problem.error())
        else:
            print(outcome(one))
        if one.state is DownloadState.FAILED and one.problem is not None:
            code = code or ExitCode(one.problem.code)
        elif one.state is not DownloadState.INSTALLED:
            code = code or ExitCode.INTERRUPTED
    if args.json:
        for wanted in here:
            assert wanted.installed is not None
            print(json.dumps({"event": "here", "name": wanted.name, "model": wanted.installed.id}, ensure_ascii=False))
    return int(code)


async def _recommended(opened: Opened, *, quiet: bool) -> Wanted:
    speeds, rows = opened.speeds, opened.models.rows()
    picks = await asyncio.to_thread(lambda: recommended(rows, speeds, ("chat",)))
    # In the middle of fastest, balanced and best; where that is none, any.
    pick = next((p for p in sorted(picks, key=lambda p: p.label.value != "balanced") if p.row is not None), None)
    if pick is None or pick.row is None:
        raise NotFoundError(
            "There is nothing to recommend for this machine",
            detail=picks[0].reason if picks else "",
            mend="`offgrid catalog` lists every model.",
        )
    if not quiet:
        print(f"Recommended here: {clean_line(pick.row.name)} {pick.row.quantisation}. {pick.reason}")
    return Wanted(pick.row.name, pick.row.variant, pick.row.verdict, pick.row.installed)


def _fitting(opened: Opened) -> list[Wanted]:
    """Every model of the catalog that fits, in the variant that suits this machine."""
    return [
        Wanted(row.name, row.variant, row.verdict, row.installed)
        for row in opened.models.rows()
        if row.variant is not None
        and row.model is not None
        and row.variant.proof is Proof.PROVEN
        and row.verdict is not None
        and row.verdict.level in (Level.SAFE, Level.TIGHT)
    ]


def _ask_for_all(missing: list[Wanted], *, can: bool) -> None:
    total = sum(one.variant.size or 0 for one in missing if one.variant is not None)
    said = f"{len(missing)} models, {bytes_text(total)}"
    if not can:
        raise UsageError(
            "Nobody can be asked here", detail=f"It would be {said}.", mend="Say --yes to get all of them."
        )
    if not confirmed(f"Get {said}?"):
        raise UsageError("Nothing was fetched")
