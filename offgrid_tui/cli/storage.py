"""`offgrid storage`: what takes space, and moving the models to another disk."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from offgrid_tui.cli.installed import look, progress
from offgrid_tui.cli.models import open_models
from offgrid_tui.cli.table import Column, lines, terminal_width
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.finders.places import TOOLS, stores
from offgrid_tui.library.moving import unfinished
from offgrid_tui.library.storage import Storage
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

_COLUMNS = (Column(""), Column("Size", right=True), Column("What", least=20), Column("Where", least=20))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--clean", action="store_true", help="delete what imports left that were cut off")
    what.add_argument("--move", metavar="DIR", help="move all models of ours to this empty or new folder")
    what.add_argument("--cancel-move", action="store_true", help="give up a move that was cut off while it copied")
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")
    parser.epilog = (
        "A move copies, reads back what it wrote, switches, and only then deletes. Cut off, it goes on when the same "
        "command is given again. The old path stays as a link, so chats and settings remain right."
    )


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_run(args, Paths.from_environment()))


async def _run(args: argparse.Namespace, paths: Paths) -> int:
    async with open_models(paths, load_settings(paths)) as opened:
        library = opened.models.library
        if args.move:
            with progress(opened):
                moved = await library.move(Path(args.move).expanduser().absolute())
            if args.json:
                value: dict[str, Any] = {
                    "folder": str(moved.folder),
                    "files": moved.files,
                    "bytes": moved.size,
                    "stayed": [str(path) for path in moved.stayed],
                }
                print(json.dumps(value, ensure_ascii=False, indent=2))
            else:
                print(
                    f"{moved.files} files, {bytes_text(moved.size)}, are in {clean_line(str(moved.folder), 300)} now."
                )
                for path in moved.stayed:
                    print(f"stayed  {clean_line(str(path), 300)}")
            return int(ExitCode.OK)
        if args.cancel_move:
            there = await library.cancel_move()
            said = "The move is given up; the models are where they were." if there else "No move is unfinished."
            print(json.dumps({"cancelled": there}) if args.json else said)
            return int(ExitCode.OK)
        if args.clean:
            freed = await library.clean()
            print(json.dumps({"freed_bytes": freed}) if args.json else f"{bytes_text(freed)} came free.")
            return int(ExitCode.OK)
        await look(opened)
        found = await library.storage([store for tool in TOOLS for store in stores()[tool]])
        journal = await asyncio.to_thread(unfinished, library.shelf)
    if args.json:
        print(json.dumps(_value(found, str(journal.target) if journal else None), ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    for line in lines(_COLUMNS, _rows(found), terminal_width()):
        print(line)
    if journal is not None:
        print(f"A move to {clean_line(str(journal.target), 300)} was not finished: give the command again.")
    return int(ExitCode.OK)


def _rows(found: Storage) -> list[tuple[str, str, str, str]]:
    rows = [("folder", bytes_text(found.ours), "models of our own", str(found.folder))]
    for use in found.models:
        model = use.model
        said = f"{model.name} {model.facts.quantisation}".strip()
        rows.append((model.origin.value, bytes_text(use.on_disk), said, str(model.path)))
    for path, size in found.partials:
        said = "part of a download" if path.name.startswith("download-") else "an import that was cut off"
        rows.append(("partial", bytes_text(size), said, str(path)))
    if found.states:
        rows.append(("states", bytes_text(found.states), "saved conversations' states", ""))
    rows += [("untracked", bytes_text(one.size), one.why, str(one.path)) for one in found.unknown]
    rows += [
        ("tool", bytes_text(one.size), f"{one.tool}, {one.adopted} adopted", str(one.folder)) for one in found.others
    ]
    rows += [
        ("disk", bytes_text(disk.free), f"free of {bytes_text(disk.total)} ({disk.kind})", str(disk.mount_point))
        for disk in found.disks
    ]
    return rows


def _value(found: Storage, move: str | None) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "own_bytes": found.ours,
        "models": [
            {
                "id": use.model.id,
                "name": use.model.name,
                "origin": use.model.origin.value,
                "on_disk_bytes": use.on_disk,
                "path": str(use.model.path),
            }
            for use in found.models
        ],
        "partials": [{"path": str(path), "bytes": size} for path, size in found.partials],
        "states_bytes": found.states,
        "untracked": [{"path": str(one.path), "bytes": one.size, "why": one.why} for one in found.unknown],
        "tools": [
            {"tool": one.tool, "folder": str(one.folder), "bytes": one.size, "adopted": one.adopted}
            for one in found.others
        ],
        "disks": [
            {
                "mount_point": str(disk.mount_point),
                "filesystem": disk.kind,
                "total_bytes": disk.total,
                "free_bytes": disk.free,
                "own_bytes": disk.ours,
            }
            for disk in found.disks
        ],
        "unfinished_move": move,
    }
