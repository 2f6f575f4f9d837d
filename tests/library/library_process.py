"""The library in a process of its own, for what a test can't do to itself: be killed, run out of disk.

`python -m tests.library.library_process HOME COMMAND [ARGUMENT…]`, one line on stdout for each thing that happened.
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
from offgrid_tui.library import importing, moving, place, staging
from offgrid_tui.library.importing import Wish, find_sets
from offgrid_tui.library.place import ALL, Method
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths
from tests.support.holding import hold

ROOT = Path(__file__).resolve().parents[2]


def start(home: Paths, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """The process, with its output to be read; `before` are words of a program that starts it."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.library.library_process", *words],
        cwd=ROOT,
        env={**os.environ, "OFFGRID_HOME": str(home.data)},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


HOLDS = {
    "copying": lambda: hold(place, "_write_all", 1),
    "before-journal": lambda: hold(staging, "atomic_write", 0),
    "renaming": lambda: hold(staging, "sync_folder", 3),  # the arrival's own, then two for the first file
    "recording": lambda: hold(staging, "write_receipt", 0),
    "moving": lambda: hold(moving, "place", 1),
    "switching": lambda: hold(moving, "_switch", 0),
    "removing": lambda: hold(moving, "_remove", 0),
}


async def _import(library: Library, path: str, methods: tuple[Method, ...]) -> None:
    for found in find_sets(Path(path))[0]:
        done = await library.import_set(found, Wish(methods))
        print("already" if done.already else done.method and done.method.value, done.model.id, flush=True)


async def _main(words: list[str]) -> None:
    paths = Paths.from_environment()
    database = Database.open(paths.database)
    library = Library(paths, database, Bus())
    await library.start()
    command, *rest = words
    try:
        if command == "import":
            await _import(library, rest[0], ALL)
        elif command == "copy":
            await _import(library, rest[0], (Method.COPY,))
        elif command == "copy-unchecked":  # as where the disk fills after it was looked at
            importing.SPARE = -(2**40)
            await _import(library, rest[0], (Method.COPY,))
        elif command == "copy-when-told":
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await _import(library, rest[0], (Method.COPY,))
        elif command == "limited-copy":
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[1]), int(rest[1])))
            await _import(library, rest[0], (Method.COPY,))
        elif command == "held-copy":
            HOLDS[rest[1]]()
            await _import(library, rest[0], (Method.COPY,))
        elif command == "held-move":
            HOLDS[rest[1]]()
            await library.move(Path(rest[0]))
        elif command == "move":
            moved = await library.move(Path(rest[0]))
            print("moved", moved.files, len(moved.stayed), flush=True)
    except OffGridError as error:
        print("error", type(error).__name__, flush=True)
    finally:
        await library.close()
        await database.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
