"""One side of the gap in a process of its own, for what a test can't do to itself: be killed, run out of disk.

`python -m tests.transfer.transfer_process COMMAND [ARGUMENT…]`, one line on stdout for each thing that happened.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from pathlib import Path

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library import staging
from offgrid_tui.library.place import Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer import copying, exporting, installing
from offgrid_tui.transfer.service import TransferService
from tests.support.holding import hold

ROOT = Path(__file__).resolve().parents[2]
KIB = 1024
PART = 256 * KIB


def start(home: Paths, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """The process, with its output to be read; `before` are words of a program that starts it."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.transfer.transfer_process", *words],
        cwd=ROOT,
        env={**os.environ, "OFFGRID_HOME": str(home.data)},
        stdout=subprocess.PIPE,
        text=True,
    )


def said(home: Paths, *words: str, before: tuple[str, ...] = ()) -> str:
    """All that the process said."""
    out, _ = start(home, *words, before=before).communicate(timeout=90)
    return out


HOLDS = {
    "first-write": lambda: hold(copying, "_write_at", 1),  # the first is the journal's
    "writing": lambda: hold(copying, "_write_at", 4),
    "reading-back": lambda: hold(exporting, "read_back", 0),
    "papers": lambda: hold(exporting, "_write_papers", 0),
    "texts": lambda: hold(exporting, "_require_complete", 0),
    "signature": lambda: hold(exporting, "sign", 0),
    "sync": lambda: hold(exporting, "sync_medium", 0),
    "joining": lambda: hold(copying, "_write_at", 2),
    "joined": lambda: hold(installing, "_described", 0),
    "committing": lambda: hold(staging, "atomic_write", 0),
    "renaming": lambda: hold(staging, "sync_folder", 2),
}


async def _export(transfer: TransferService, library: Library, folder: str, part: int | None) -> None:
    done = await transfer.export(await transfer.plan(library.models, Path(folder), part=part))
    pieces = sum(len(file.pieces) for model in done.models for file in model.files)
    print("exported", len(done.models), done.written, pieces, flush=True)


async def _import(transfer: TransferService, folder: str) -> None:
    bundle = await transfer.read(Path(folder))
    for model in bundle.models:
        done = await transfer.install(bundle, model, (Method.COPY,))
        print("already" if done.already else "imported", done.model.id, flush=True)


async def _main(words: list[str]) -> None:
    paths = Paths.from_environment()
    database = Database.open(paths.database)
    bus = Bus()
    library = Library(paths, database, bus)
    await library.start()
    transfer = TransferService(paths, library, bus, part=PART)
    command, *rest = words
    copying.CHUNK = 64 * KIB
    try:
        if command == "export":
            await _export(transfer, library, rest[0], None)
        elif command == "export-parts":
            await _export(transfer, library, rest[0], PART)
        elif command == "limited-export":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[1]), int(rest[1])))
            await _export(transfer, library, rest[0], None)
        elif command == "unchecked-export":  # as where the disk fills after it was looked at
            exporting.room = lambda folder: 2**50
            await _export(transfer, library, rest[0], None)
        elif command == "held-export":
            HOLDS[rest[1]]()
            await _export(transfer, library, rest[0], PART)
        elif command == "import":
            await _import(transfer, rest[0])
        elif command == "unchecked-import":
            installing.SPARE = -(2**50)
            await _import(transfer, rest[0])
        elif command == "held-import":
            HOLDS[rest[1]]()
            await _import(transfer, rest[0])
    except OffGridError as error:
        print("error", type(error).__name__, flush=True)
    finally:
        await library.close()
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
