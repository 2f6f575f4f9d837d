"""`offgrid list`: what is here."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from offgrid_tui.cli.catalog import fits_text, needs_text
from offgrid_tui.cli.installed import look, model_json
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, parameters
from offgrid_tui.library.model import Check, InstalledModel, Origin
from offgrid_tui.models.model import ModelRow
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (
    Column(""),
    Column("Model", least=14),
    Column("Params", right=True, rank=3),
    Column("Quant", least=6),
    Column("Size", right=True),
    Column("Needs", right=True, rank=1),
    Column("Fits"),
    Column("State"),
    Column("Proof"),
    Column("From", least=8, rank=2),
    Column("Id", least=12, rank=4),
)
CHECKS = {
    Check.VERIFIED: "verified",
    Check.UNVERIFIED: "unverified",
    Check.UNKNOWN: "not read",
    Check.MISMATCH: "differs",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, with receipts; sizes in bytes")
    parser.epilog = (
        "* marks the model that answers, + a favourite. Proof: verified means that the SHA-256 of every file is the "
        "one that a source had promised; unverified, that nobody promised one; not read, that an adopted file was "
        "never read whole (`offgrid verify` does it)."
    )


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        await look(opened)
        rows = [row for row in opened.models.rows() if row.installed is not None]
        active, marks = opened.models.active_path, opened.models.library.marks
    rows.sort(key=lambda row: (row.name.casefold(), row.size or 0))
    if args.json:
        values = []
        for row in rows:
            assert row.installed is not None
            note = marks[row.key].note if row.key in marks else ""
            values.append(
                {
                    **model_json(row.installed),
                    "key": row.key,
                    "state": row.state.value,
                    "active": row.installed.path == active,
                    "favourite": row.favourite,
                    "note": note or None,
                    "needs_bytes": row.needs,
                    "verdict": row.verdict.level.value if row.verdict else None,
                    "provider": row.provider,
                }
            )
        print(json.dumps({"models": values}, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    if not rows:
        print("No model is here yet. `offgrid catalog --fits` shows what can be had, `offgrid import FILE` brings one.")
        return int(ExitCode.OK)
    for line in lines(_COLUMNS, (_cells(row, row.installed) for row in rows if row.installed), terminal_width()):
        print(line)
    own = sum(row.size or 0 for row in rows if row.installed and row.installed.origin is not Origin.ADOPTED)
    print(f"{len(rows)} here, {bytes_text(own)} in OffGrid's own folder")
    for row in rows:
        if row.installed and row.installed.problem:
            print(f"offgrid: {clean_line(row.name)}: {clean_line(row.installed.problem)}", file=sys.stderr)
    return int(ExitCode.OK)


def _cells(row: ModelRow, model: InstalledModel) -> tuple[str, ...]:
    return (
        "*" if row.state.value == "active" else "+" if row.favourite else "",
        row.name,
        parameters(row.parameters) if row.parameters else NO_VALUE,
        row.quantisation or NO_VALUE,
        bytes_text(row.size),
        needs_text(row.needs, row.needs_from),
        fits_text(row.verdict),
        row.state.value,
        CHECKS[model.check],
        _origin(model),
        model.id,
    )


def _origin(model: InstalledModel) -> str:
    return model.source if model.origin is Origin.ADOPTED else model.origin.value
