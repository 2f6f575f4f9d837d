"""`offgrid fulfil`: writes a bundle for a wish, of what fits the machine that wishes."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.cli.bundles import exported_json, service, size_of, tell_exported
from offgrid_tui.cli.installed import progress
from offgrid_tui.cli.models import Opened, open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.fit.model import WORDS
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import ExitCode, NotFoundError, OffGridError, RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text
from offgrid_tui.models.choose import best_variant
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.fulfilling import Choice, Fulfiller, target_fits, to_ask
from offgrid_tui.transfer.wish import LARGEST, WishList, parse_wish

_COLUMNS = (
    Column("WANTED", least=12),
    Column("MODEL", least=16),
    Column("SIZE", right=True),
    Column("FITS THERE"),
    Column("SENT"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wish", metavar="WISH", help="what `offgrid wish` wrote on the other machine; - for stdin")
    parser.add_argument("folder", metavar="DIR", help="the mounted stick, or any folder")
    parser.add_argument("--key", metavar="NAME", default="", help="the key to sign with (default: your first)")
    parser.add_argument("--part-size", metavar="SIZE", help="cut files that are larger into parts of this size")
    parser.add_argument("--here", action="store_true", help="send what is here, and fetch nothing")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and fetch and write nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before something is fetched")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "Of each model that is wished for, the quantisation is taken that suits the memory of the machine that wishes. "
        "What is not here is downloaded first; what is there already is left out. Exit code 3 where something of the "
        "wish is missing from the bundle."
    )


def run(args: argparse.Namespace) -> int:
    part = size_of(args.part_size) if args.part_size else None
    paths = Paths.from_environment()
    return asyncio.run(_run(args, _read(args.wish), part, paths, load_settings(paths)))


def _read(text: str) -> WishList:
    if text == "-":
        return parse_wish(sys.stdin.buffer.read(LARGEST))
    path = Path(text).expanduser()
    try:
        with path.open("rb") as file:
            return parse_wish(file.read(LARGEST))
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {clean_line(text)}", mend="Check the path.") from None
    except OSError as error:
        raise RefusedError(f"{clean_line(text)} can't be read", detail=f"{error.strerror}.") from None


async def _run(args: argparse.Namespace, wish: WishList, part: int | None, paths: Paths, settings: Settings) -> int:
    async with open_models(paths, settings) as opened:
        asked = {} if args.here else await _ask(wish, opened, paths, settings)
        choices = await asyncio.to_thread(_choices, wish, opened, paths, settings, asked)
        if not args.json:
            _show(wish, choices)
        if not args.dry_run and not args.here and any(one.missing for one in choices):
            await _fetch(args, opened, paths, settings, choices)
            choices = await asyncio.to_thread(_choices, wish, opened, paths, settings, asked)
        models = {
            one.installed.id: one.installed
            for one in choices
            if one.installed is not None and not one.there and not one.problem
        }
        done = None
        if models and not args.dry_run:
            transfer = service(opened, paths)
            folder = Path(args.folder).expanduser().absolute()
            prepared = await transfer.plan(tuple(models.values()), folder, part=part, key=args.key)
            with progress(opened):
                done = await transfer.export(prepared)
    if args.json:
        value = {
            "choices": [_json(one) for one in choices],
            "exported": exported_json(done) if done is not None else None,
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    elif done is not None:
        tell_exported(done)
    elif not args.dry_run:
        print("Nothing was written.")
    to_fetch = args.dry_run and not args.here
    lacking = [one for one in choices if one.problem or (one.missing and not to_fetch)]
    for one in lacking:
        why = one.problem or f"It is not here. Get it: offgrid download {_address(one)}"
        print(f"offgrid: {clean_line(one.label)} is not sent. {clean_line(why, 400)}", file=sys.stderr)
    return int(ExitCode.NOT_FOUND if lacking else ExitCode.OK)


async def _ask(wish: WishList, opened: Opened, paths: Paths, settings: Settings) -> dict[str, CatalogModel]:
    """What the hub says of repositories that are in no catalog; what it can't say is told, and left out."""
    found: dict[str, CatalogModel] = {}
    repositories = to_ask(wish, opened.resolver)
    if not repositories:
        return found
    from offgrid_tui.catalog.hub.service import HubService  # the hub's library, which most wishes need not

    hub = HubService(
        opened.database,
        NetworkAccess(NetworkPolicy(settings.network), settings.network),
        lambda: load_catalog(paths).publishers,
    )
    try:
        for repository, revision in repositories.items():
            try:
                found[repository] = (await hub.details(repository, revision=revision or None)).model
            except OffGridError as error:
                print(f"offgrid: {clean_line(repository)}: {error.title}. {error.detail}", file=sys.stderr)
    finally:
        await hub.close()
    return found


def _choices(
    wish: WishList, opened: Opened, paths: Paths, settings: Settings, asked: dict[str, CatalogModel]
) -> tuple[Choice, ...]:
    fit = FitService(settings, on_gpu=bool(wish.target.gpu_memory) or uses_gpu(paths, settings))
    models = opened.models
    library = models.library.models
    return Fulfiller(wish, models.catalog, opened.resolver, library, fit, best_variant, asked).choices()


async def _fetch(
    args: argparse.Namespace, opened: Opened, paths: Paths, settings: Settings, choices: tuple[Choice, ...]
) -> None:
    """Have what is missing come here; what does not come is told at the end."""
    from offgrid_tui.cli.download import get_all  # the downloads, which most wishes need and --here spares
    from offgrid_tui.cli.trusting import agree
    from offgrid_tui.cli.wanted import Wanted

    missing = [one for one in choices if one.missing and one.variant is not None]
    await agree(opened.database, (one.variant for one in missing if one.variant is not None), yes=args.yes)
    wanted = [Wanted(one.name, one.variant) for one in missing]
    await get_all(opened, wanted, paths, settings, as_json=False)
    await opened.models.library.reload()


def _show(wish: WishList, choices: tuple[Choice, ...]) -> None:
    print(f"The machine that wishes: {target_fits(wish.target)}")
    rows = (
        (
            one.want.name or f"for {one.want.use}",
            one.label,
            bytes_text(one.size) if one.size else NO_VALUE,
            WORDS[one.fit.verdict.level].word if one.fit is not None else NO_VALUE,
            _sent(one),
        )
        for one in choices
    )
    for line in lines(_COLUMNS, rows, terminal_width()):
        print(line)
    sys.stdout.flush()


def _sent(one: Choice) -> str:
    if one.there:
        return "is there"
    if one.problem:
        return "no"
    return "yes" if one.installed is not None else "not here yet"


def _address(one: Choice) -> str:
    variant = one.variant
    if variant is None or not variant.repository:
        return one.name
    return f"{variant.repository} --file {variant.files[0].path}"


def _json(one: Choice) -> dict[str, Any]:
    return {
        "want": {"name": one.want.name or None, "use": one.want.use or None},
        "name": one.name,
        "quantisation": one.quantisation or None,
        "size_bytes": one.size,
        "fits": one.fit.verdict.level.value if one.fit is not None else None,
        "there": one.there,
        "here": one.installed.id if one.installed is not None else None,
        "key": one.variant.key if one.variant is not None else None,
        "problem": one.problem or None,
    }
