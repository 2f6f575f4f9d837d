"""`offgrid search --files ORG/NAME`: what one repository holds, with sizes and hashes."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime

from offgrid_tui.catalog.hub.model import Details
from offgrid_tui.catalog.model import Proof, Variant
from offgrid_tui.cli.catalog import model_json
from offgrid_tui.cli.hub import open_hub
from offgrid_tui.cli.main import print_error
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, bytes_text
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (
    Column("Quant"),
    Column("Size", right=True),
    Column("Files", right=True),
    Column("SHA-256"),
    Column("First"),
)
_PROOF = {Proof.PROVEN: "known", Proof.UNVERIFIED: "not known", Proof.UNAVAILABLE: "incomplete"}


async def show_files(paths: Paths, settings: Settings, repository: str, *, offline: bool, as_json: bool) -> int:
    """Print what `repository` (ORG/NAME, hf.co/ORG/NAME) holds; returns the exit code.

    Raises:
        OffGridError: it is not there, or nobody could be asked and it was not looked at before.
    """
    name = repository.removeprefix("https://").removeprefix("huggingface.co/").removeprefix("hf.co/").strip("/")
    async with open_hub(paths, settings) as hub:
        found = await hub.details(name, offline=offline)
    if as_json:
        value = {
            **model_json(found.model),
            "commit": found.commit,
            "cached": found.cached,
            "seen": moment(found.seen),
            "refused": list(found.refused),
            "problem": found.problem.title if found.problem else None,
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
    else:
        for line in lines(_COLUMNS, (_cells(variant) for variant in found.model.variants), terminal_width()):
            print(line)
        print(_summary(found))
    for note in dict.fromkeys(note for variant in found.model.variants for note in variant.notes):
        print(f"offgrid: {clean_line(note)}", file=sys.stderr)
    for refused in found.refused:
        print(f"offgrid: left out {clean_line(refused)}", file=sys.stderr)
    if found.problem is not None:
        print_error(found.problem)
    return int(ExitCode.OK)


def age_text(seconds: float) -> str:
    """40 s, 12 min, 30 h, 5 days."""
    for limit, unit, word in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{max(0, seconds) / unit:.0f} {word}"
    return f"{seconds / 86400:.0f} days"


def moment(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _cells(variant: Variant) -> tuple[str, ...]:
    return (
        variant.quantisation or NO_VALUE,
        bytes_text(variant.size),
        str(len(variant.files)),
        _PROOF[variant.proof],
        variant.files[0].path + (f" + {variant.projector.path}" if variant.projector else ""),
    )


def _summary(found: Details) -> str:
    when = f"seen before: as of {age_text(time.time() - found.seen)} ago" if found.cached else "from the hub now"
    return f"commit {found.commit[:12]}, {when}"
