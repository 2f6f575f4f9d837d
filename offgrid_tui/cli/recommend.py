"""`offgrid recommend`: what to take on this machine, with the reason."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.fit.model import WORDS
from offgrid_tui.fit.recommend import ROLES
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.units import NO_VALUE, bytes_text, rate
from offgrid_tui.hardware.bandwidth import memory_bandwidth
from offgrid_tui.hardware.probe import probe
from offgrid_tui.models.model import Speed
from offgrid_tui.models.recommended import Pick, recommended
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (
    Column("For"),
    Column(""),
    Column("Model", least=20),
    Column("Quant"),
    Column("Size", right=True, rank=1),
    Column("Needs", right=True),
    Column("Speed", right=True),
    Column("Fits", rank=2),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--for", dest="role", choices=ROLES, help="only for this (default: for all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")
    parser.epilog = (
        "A speed with ~ is estimated: the rate at which this machine reads memory, over the weights that a token is "
        "sent through. `offgrid show NAME` says more about a model."
    )


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    return asyncio.run(_run(args, paths))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    hardware = probe()
    bandwidth = await asyncio.to_thread(memory_bandwidth, paths.cache, hardware)
    roles = (args.role,) if args.role else ROLES
    async with open_models(paths, load_settings(paths)) as opened:
        speeds, rows = opened.speeds, opened.models.rows()
        picks = await asyncio.to_thread(lambda: recommended(rows, speeds, roles))
    if args.json:
        value = {
            "memory_bytes": hardware.memory.usable,
            "bandwidth_bytes_per_second": None if bandwidth is None else round(bandwidth),
            "recommendations": [_json(pick) for pick in picks],
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    for line in lines(_COLUMNS, (_cells(pick, picks, number) for number, pick in enumerate(picks)), terminal_width()):
        print(line)
    print()
    for pick in picks:
        name = f"{pick.row.name}: " if pick.row is not None else ""
        print(f"{pick.role}, {pick.label.value}: {name}{pick.reason}")
    return int(ExitCode.OK)


def _cells(pick: Pick, picks: tuple[Pick, ...], number: int) -> tuple[str, ...]:
    role = pick.role if not number or picks[number - 1].role != pick.role else ""
    if pick.row is None:
        return (role, pick.label.value, "nothing fits", *[NO_VALUE] * 5)
    row = pick.row
    return (
        role,
        pick.label.value,
        row.name,
        row.quantisation,
        bytes_text(row.size),
        bytes_text(row.needs),
        speed_text(pick.speed),
        WORDS[row.verdict.level].word if row.verdict else NO_VALUE,
    )


def speed_text(speed: Speed | None) -> str:
    """With a tilde where it is estimated."""
    if speed is None:
        return NO_VALUE
    return rate(speed.tokens) if speed.measured else f"~{rate(speed.tokens)}"


def _json(pick: Pick) -> dict[str, Any]:
    row = pick.row
    return {
        "for": pick.role,
        "label": pick.label.value,
        "reason": pick.reason,
        "key": row.key if row else None,
        "model": row.model.id if row and row.model else None,
        "quantisation": row.quantisation if row else None,
        "size_bytes": row.size if row else None,
        "needs_bytes": row.needs if row else None,
        "verdict": row.verdict.level.value if row and row.verdict else None,
        "tokens_per_second": round(pick.speed.tokens, 1) if pick.speed else None,
        "measured": pick.speed.measured if pick.speed else None,
        "installed": bool(row and row.installed),
    }
