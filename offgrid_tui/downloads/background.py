"""`python -m offgrid_tui.downloads.background`: works on the queue of one home without a terminal, until it is empty.

Started when a workstation is closed and its downloads are to go on, or by a command that does not wait. One for each
home; a workstation that is opened meanwhile works beside it on what is left.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from offgrid_tui.database.database import Database
from offgrid_tui.downloads.model import UNDER_WAY
from offgrid_tui.downloads.service import DownloadService
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.logfile import log_to
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.processes import spawn_detached

log = logging.getLogger(__name__)
_MODULE = "offgrid_tui.downloads.background"
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent.parent


def lock_of(paths: Paths) -> FileLock:
    """Held by the process that works in the background."""
    return FileLock(paths.data / "downloads.lock", what="the queue of downloads")


def go_on(paths: Paths) -> None:
    """Have a process work on the queue that needs no terminal, unless there is one. Blocks for milliseconds.

    Raises:
        OSError: it can't be started.
    """
    lock = lock_of(paths)
    if not lock.try_acquire():
        return
    lock.release()
    search = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
    child = spawn_detached(
        [sys.executable, "-P", "-m", _MODULE],
        log=paths.logs / "downloads.log",
        env={**os.environ, "PYTHONPATH": search},
        cwd=Path("/"),
    )
    child.returncode = 0  # it outlives us: nobody here waits for it


async def _work(paths: Paths) -> None:
    settings = load_settings(paths)
    bus = Bus()
    database = await asyncio.to_thread(Database.open, paths.database)
    library = Library(paths, database, bus)
    access = NetworkAccess(NetworkPolicy(settings.network), settings.network)
    downloads = DownloadService(paths, database, bus, access, library, settings)
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    try:
        await library.start()
        await downloads.start()
        stop = asyncio.create_task(ending.wait())
        while ids := [one.id for one in downloads.all if one.state in UNDER_WAY]:
            rest = asyncio.create_task(downloads.ended(ids))
            await asyncio.wait({rest, stop}, return_when=asyncio.FIRST_COMPLETED)
            rest.cancel()
            if stop.done():
                break
        stop.cancel()
    finally:
        await downloads.close()
        await library.close()
        await database.close()
        access.close()


def main() -> int:
    paths = Paths.from_environment()
    log_to(paths.logs / "downloads.log")
    lock = lock_of(paths)
    if not lock.try_acquire():
        return 0
    asyncio.run(_work(paths))
    return 0


if __name__ == "__main__":
    sys.exit(main())
