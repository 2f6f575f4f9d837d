"""The bundle side of `offgrid import`: shows what a medium holds against what is here, and brings what is wanted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from offgrid_tui.cli.bundles import compared_json, service, signer_json, signer_line
from offgrid_tui.cli.installed import error_json, model_json, progress
from offgrid_tui.cli.models import Opened
from offgrid_tui.cli.progress import ProgressLine
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import DamagedError, ExitCode, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.errors import Stopped
from offgrid_tui.library.importing import Imported
from offgrid_tui.library.place import ALL, Method
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer.model import Bundle, BundleModel, Compared, Standing
from offgrid_tui.transfer.reading import require_allowed
from offgrid_tui.transfer.receipts import Receipt
from offgrid_tui.transfer.service import TransferService, find_model

_WANTED = (Standing.NEW, Standing.NEWER)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("bundles", "what `offgrid export` wrote")
    group.add_argument("--trust-once", action="store_true", help="accept a key that is not trusted, this time")
    group.add_argument(
        "--unsigned", action="store_true", help="accept a bundle that nobody signed; it is noted for ever"
    )
    group.add_argument("--only", action="append", metavar="NAME", default=[], help="of a bundle, only this model")
    group.add_argument("--dry-run", action="store_true", help="show what is there against what is here, no more")
    group.add_argument("--check", action="store_true", help="as --dry-run, and read every byte of it")


async def import_bundle(opened: Opened, paths: Paths, folder: Path | None, args: argparse.Namespace) -> int:
    """Import what the bundle in `folder` has and this home has not; None looks for a mounted one.

    Raises:
        OffGridError: nothing can be taken from it.
    """
    transfer = service(opened, paths)
    bundle = await transfer.read(folder if folder is not None else await transfer.only_medium())
    compared = await transfer.compare(bundle)
    if args.only:
        chosen = [find_model(bundle, name) for name in args.only]
        compared = tuple(one for one in compared if one.model in chosen)
    if not args.json:
        _show(bundle, compared)
    if args.dry_run or args.check:
        return await _check(opened, transfer, bundle, compared, args)
    require_allowed(bundle, trust_once=args.trust_once, unsigned=args.unsigned)
    methods = (Method.COPY,) if args.copy else ALL
    wanted = [one for one in compared if one.standing in _WANTED or (args.only and one.standing is Standing.OLDER)]
    done: list[Imported] = []
    refused: list[tuple[Compared, OffGridError]] = [
        (one, DamagedError(f"{clean_line(one.model.label)} is damaged", detail=one.problem, mend="Export it again."))
        for one in compared
        if one.standing is Standing.DAMAGED
    ]
    with progress(opened) as line:
        for one in wanted:
            try:
                imported = await transfer.install(bundle, one.model, methods)
            except Stopped:
                raise
            except OffGridError as error:
                refused.append((one, error))
                continue
            done.append(imported)
            _tell(line, imported, one.model, quiet=args.json)
    receipt = await _receipt(transfer, bundle, refused) if done else None
    if args.json:
        value = {
            "receipt": str(receipt.beside or receipt.kept) if receipt is not None else None,
            "folder": str(bundle.root.parent),
            "signer": signer_json(bundle.signer),
            "models": [compared_json(one) for one in compared],
            "imported": [
                {"method": one.method.value if one.method else None, "already": one.already, **model_json(one.model)}
                for one in done
            ],
            "refused": [{"name": left.model.label, "error": error_json(why)} for left, why in refused],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    for left, why_not in refused:
        why = why_not.title + (f": {why_not.detail}" if why_not.detail else "")
        print(f"offgrid: {clean_line(left.model.label)} was not imported. {clean_line(why, 400)}", file=sys.stderr)
    if receipt is not None and not args.json:
        word = "signed" if receipt.signed else "not signed: you have no key"
        print(f"The receipt, {word}: {clean_line(str(receipt.beside or receipt.kept), 400)}")
    if not args.json and not refused and not wanted:
        print("Nothing to import: all of it is here.")
    return int(refused[0][1].exit_code if refused else ExitCode.OK)


async def _receipt(
    transfer: TransferService, bundle: Bundle, refused: list[tuple[Compared, OffGridError]]
) -> Receipt | None:
    """What of the bundle is here now, for whoever sent it. Without one the import stands all the same."""
    here = [one.model for one in await transfer.compare(bundle) if one.standing is Standing.SAME]
    try:
        return await transfer.receipt(bundle, here, [(one.model, error.title) for one, error in refused])
    except OffGridError as error:
        print(f"offgrid: {error.title}. {error.detail}", file=sys.stderr)
        return None


async def _check(
    opened: Opened, transfer: TransferService, bundle: Bundle, compared: tuple[Compared, ...], args: argparse.Namespace
) -> int:
    bad: dict[str, str] = dict(bundle.damaged)
    if args.check:
        with progress(opened):
            for one in compared:
                bad |= await transfer.check(bundle, one.model)
    if args.json:
        value: dict[str, Any] = {
            "folder": str(bundle.root.parent),
            "signer": signer_json(bundle.signer),
            "models": [compared_json(one) for one in compared],
            "read": args.check,
            "damaged": bad,
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for path, why in bad.items():
            print(f"damaged  {clean_line(path)} {clean_line(why, 300)}")
        if args.check and not bad:
            print("Every byte is what it should be.")
    return int(ExitCode.DAMAGED if bad else ExitCode.OK)


def _show(bundle: Bundle, compared: tuple[Compared, ...]) -> None:
    print(f"{clean_line(str(bundle.root.parent))}: {signer_line(bundle.signer)}")
    columns = (
        Column("MODEL", least=16),
        Column("SIZE", right=True),
        Column("PARTS", right=True, rank=1),
        Column("HERE"),
    )
    rows = (
        (
            one.model.label,
            bytes_text(one.model.size),
            str(sum(len(file.pieces) for file in one.model.files)),
            one.standing.value + (f": {one.problem}" if one.problem else ""),
        )
        for one in compared
    )
    for line in lines(columns, rows, terminal_width()):
        print(line)
    sys.stdout.flush()


def _tell(line: ProgressLine, done: Imported, model: BundleModel, *, quiet: bool) -> None:
    if quiet:
        return
    line.clear()
    word = "here already" if done.already else f"imported, {done.model.check.value}: {done.model.id}"
    print(f"{clean_line(model.label)}: {word}")
    for file in model.files:
        print(f"  {file.sha256}  {'same' if done.already else 'right'}  {clean_line(file.name)}")
