"""One side of the gap in a process of its own, for what a test can't do to itself: be killed, run out of disk.

`python -m tests.transfer.transfer_process COMMAND [ARGUMENT…]`, one line on stdout for each thing that happened.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library import staging
from offgrid_tui.library.place import Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from offgrid_tui.transfer import copying, exporting, installing
from offgrid_tui.transfer.service import TransferService

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


def _hold(module: Any, name: str, after: int) -> None:
    """Let `module.name` work `after` times; then say so and wait for ever."""
    real: Callable[..., Any] = getattr(module, name)
    count = 0

    def held(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count > after:
            print("held", flush=True)
            time.sleep(600)
        return real(*arguments, **named)

    setattr(module, name, held)


HOLDS = {
    "first-write": lambda: _hold(copying, "_write_at", 1),  # the first is the journal's
    "writing": lambda: _hold(copying, "_write_at", 4),
    "reading-back": lambda: _hold(exporting, "read_back", 0),
    "papers": lambda: _hold(exporting, "_write_papers", 0),
    "texts": lambda: _hold(exporting, "_require_complete", 0),
    "signature": lambda: _hold(exporting, "sign", 0),
    "sync": lambda: _hold(exporting, "sync_medium", 0),
    "joining": lambda: _hold(copying, "_write_at", 2),
    "joined": lambda: _hold(installing, "_described", 0),
    "committing": lambda: _hold(staging, "atomic_write", 0),
    "renaming": lambda: _hold(staging, "sync_folder", 2),
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
