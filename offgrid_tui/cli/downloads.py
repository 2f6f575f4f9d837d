"""`offgrid downloads`: what is on its way here; pause, resume, cancel, retry; follow it."""

from __future__ import annotations

import argparse
import asyncio
import json

from offgrid_tui.cli.fetching import doing, download_json, fetch, open_downloads, outcome
from offgrid_tui.cli.main import print_error
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.downloads.background import go_on
from offgrid_tui.downloads.errors import NoDownload
from offgrid_tui.downloads.model import ENDED, UNDER_WAY, Download, DownloadState
from offgrid_tui.downloads.service import DownloadService
from offgrid_tui.foundation.errors import ExitCode, OffGridError, UsageError
from offgrid_tui.foundation.units import NO_VALUE, bytes_text
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_ACTS = ("list", "pause", "resume", "cancel", "retry", "clear")
_COLUMNS = (
    Column("Id", rank=2),
    Column("Model", least=20),
    Column("State", least=12),
    Column("Came", right=True),
    Column("Of", right=True, rank=1),
    Column("", right=True),
)
_S = DownloadState
_MAY: dict[str, frozenset[DownloadState]] = {
    "pause": frozenset({_S.QUEUED, _S.DOWNLOADING, _S.WAITING}),
    "resume": frozenset({_S.PAUSED, _S.WAITING, _S.QUEUED}),
    "cancel": frozenset({_S.QUEUED, _S.DOWNLOADING, _S.WAITING, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
    "retry": frozenset({_S.FAILED, _S.CANCELLED}),
}  # which an act without names is meant for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", nargs="?", choices=_ACTS, default="list", help="what to do (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="an id or name; without one, all that it is for")
    parser.add_argument("--keep", action="store_true", help="cancel, but keep what came for another try")
    parser.add_argument("--first", action="store_true", help="resume or retry before all others")
    parser.add_argument("--follow", action="store_true", help="stay, work on the queue and show it until it is empty")
    parser.add_argument("--json", action="store_true", help="print JSON: a list, or with --follow an object a line")
    parser.epilog = (
        "What is resumed or retried goes on in the background where no OffGrid is open. `clear` forgets what has ended."
    )


def run(args: argparse.Namespace) -> int:
    if args.keep and args.act != "cancel":
        raise UsageError("--keep belongs to cancel", mend="Say: offgrid downloads cancel NAME --keep")
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    settings = load_settings(paths)
    code = ExitCode.OK
    async with (
        open_models(paths, settings) as opened,
        open_downloads(paths, settings, opened, work=False, only=False) as downloads,
    ):
        changed = await _act(downloads, args)
        if args.follow:
            await downloads.start()
            ids = [one.id for one in downloads.all if one.state in UNDER_WAY]
            for one in await fetch(downloads, opened.bus, ids, as_json=args.json):
                code = code or _told(one, as_json=args.json)
            return int(code)
        await downloads.tidy()
        await downloads.refresh()
        shown = downloads.all if args.act == "list" else [downloads.download(id) for id in changed]
        if args.json:
            print(json.dumps([download_json(one) for one in shown], ensure_ascii=False, indent=2))
        else:
            _table(downloads, shown)
    if args.act in ("resume", "retry") and changed:
        await asyncio.to_thread(go_on, paths)
    return int(code)


async def _act(downloads: DownloadService, args: argparse.Namespace) -> list[str]:
    """Do it; the ids that it was done to."""
    if args.act == "list":
        return []
    if args.act == "clear":
        await downloads.clear()
        return []
    chosen = [_named(downloads, name) for name in args.names] or [
        one for one in downloads.all if one.state in _MAY[args.act]
    ]
    for one in chosen:
        if args.first:
            await downloads.prioritise(one.id, 1 + max(other.priority for other in downloads.all))
        match args.act:
            case "pause":
                await downloads.pause(one.id)
            case "resume":
                await downloads.resume(one.id)
            case "retry":
                await downloads.retry(one.id)
            case "cancel":
                await downloads.cancel(one.id, keep=args.keep)
    return [one.id for one in chosen]


def _named(downloads: DownloadService, text: str) -> Download:
    """By id or its beginning, by key, by name.

    Raises:
        NoDownload: there is none.
        UsageError: there are several.
    """
    folded = text.casefold()
    for found in (
        [one for one in downloads.all if text in (one.id, one.key)],
        [one for one in downloads.all if folded in (one.name.casefold(), one.label.casefold())],
        [one for one in downloads.all if one.id.startswith(folded) or one.name.casefold().startswith(folded)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"Several downloads are called so: {', '.join(one.id for one in found)}", mend="Give the id of one."
            )
    raise NoDownload(text)


def _table(downloads: DownloadService, shown: list[Download] | tuple[Download, ...]) -> None:
    for line in lines(_COLUMNS, (_cells(downloads, one) for one in shown), terminal_width()):
        print(line)
    for one in shown:
        if one.problem is not None and one.state is not DownloadState.PAUSED:
            print(f"{one.name}: {one.problem.title}. {one.problem.detail} {one.problem.mend}".strip())


def _cells(downloads: DownloadService, one: Download) -> tuple[str, ...]:
    far = downloads.progress(one.id)
    share = NO_VALUE if not far.total else f"{min(1.0, far.done / far.total):.0%}"
    return (one.id, one.label, doing(one).rstrip(":"), bytes_text(far.done), bytes_text(far.total), share)


def _told(one: Download, *, as_json: bool) -> ExitCode:
    error: OffGridError | None = one.problem.error() if one.problem and one.state is DownloadState.FAILED else None
    if as_json:
        print(json.dumps({"event": "end", **download_json(one)}, ensure_ascii=False))
    elif error is not None:
        print_error(error)
    elif one.state in ENDED | {DownloadState.PAUSED}:
        print(outcome(one))
    return error.exit_code if error is not None else ExitCode.OK
