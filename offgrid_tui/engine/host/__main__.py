"""`python -m offgrid_tui.engine.host CONFIG DATA STATE CACHE RUNTIME`: the process of the host.

Clients start it; nobody needs to by hand.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from offgrid_tui.engine.builder.find import find_engine
from offgrid_tui.engine.host.history import LoadHistory
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.pool import Pool, Surroundings
from offgrid_tui.engine.host.server import Host
from offgrid_tui.foundation.clock import SystemClock
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.runtime import ensure_runtime_dir

log = logging.getLogger("offgrid_tui.engine.host")


def main(arguments: list[str]) -> int:
    paths = Paths(*map(Path, arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    ensure_runtime_dir(paths)
    lock = FileLock(paths.runtime / "host.lock", what="the engine host")
    if not lock.try_acquire():
        log.info("another host serves this home")
        return 0
    try:
        asyncio.run(_serve(paths))
    finally:
        paths.socket.unlink(missing_ok=True)
        lock.release()
    return 0


async def _serve(paths: Paths) -> None:
    settings = _CurrentSettings(paths)
    around = Surroundings(
        settings=settings,
        engine=lambda: find_engine(paths, settings()),
        hardware=probe,
        clock=SystemClock(),
        env=os.environ,
        oom=OomWatch(),
    )
    host = Host(Pool(around, LoadHistory(paths.state / "load-history.json")), around)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, host.end)
    listener = _listen(paths)
    log.info("host %d serves %s", os.getpid(), paths.data)
    await host.serve(listener)
    log.info("host %d ends", os.getpid())


class _CurrentSettings:
    """The settings, read again when their file has changed: a host lives longer than what was set when it began."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._stamp: tuple[int, int] | None = None
        self._settings: Settings | None = None

    def __call__(self) -> Settings:
        try:
            found = self._paths.settings_file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = (0, 0)
        if self._settings is None or stamp != self._stamp:
            self._settings, self._stamp = load_settings(self._paths), stamp
        return self._settings


def _listen(paths: Paths) -> socket.socket:
    """The socket, 0600 from its first moment. The lock is ours, so a name that is there was left by a dead host."""
    paths.socket.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(paths.socket))
    finally:
        os.umask(mask)
    listener.listen(64)
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
