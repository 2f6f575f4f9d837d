"""Starting the host from a client, so that clients that start at once get one host."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.codec import MAX_LINE
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.peer import Peer, peer_of
from offgrid_tui.engine.launch import own_command
from offgrid_tui.foundation.errors import BusyError
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.processes import describe_exit, spawn_detached
from offgrid_tui.system.runtime import ensure_runtime_dir

START_DEADLINE = 30.0  # seconds from starting the process to its listening; a loaded machine is slow
_POLL = 0.02
_LOG_LIMIT = 2 * 2**20  # bytes; a longer log is kept as one older file


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to the host, and the process that listens there."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: Peer


def host_log(paths: Paths) -> Path:
    return paths.logs / "engine-host.log"


async def connect(paths: Paths) -> Line | None:
    """A line to the host that runs; None where none does.

    Raises:
        EngineError: what listens there is another user's.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(paths.socket), limit=MAX_LINE)
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        return None
    peer = peer_of(writer.get_extra_info("socket"))
    if peer.uid != os.getuid():
        writer.transport.abort()
        raise EngineError(
            ErrorCode.PROTOCOL,
            "The engine's socket belongs to somebody else",
            detail=f"User {peer.uid} listens on {paths.socket}.",
            mend=f"Remove {paths.runtime}, or set XDG_RUNTIME_DIR to a folder of your own.",
        )
    return Line(reader, writer, peer)


async def connect_or_start(paths: Paths) -> Line:
    """A line to the host, which is started where none runs.

    Raises:
        EngineError: it cannot be started.
        RefusedError: the folder of its socket is not safe to use.
    """
    if (line := await connect(paths)) is not None:
        return line
    ensure_runtime_dir(paths)
    lock = FileLock(paths.runtime / "start.lock", what="the start of the engine host")
    await _acquire(lock)
    try:
        if (line := await connect(paths)) is not None:  # somebody else was faster
            return line
        return await _start(paths)
    finally:
        lock.release()


async def _start(paths: Paths) -> Line:
    log = host_log(paths)
    _bound(log)
    places = (paths.config, paths.data, paths.state, paths.cache, paths.runtime)
    command = own_command(sys.executable, "offgrid_tui.engine.host", *map(str, places))
    try:
        # From the root folder: a host that lives on must not keep a stick from being unmounted.
        process = spawn_detached(command, log=log, cwd=Path("/"))
    except OSError as error:
        raise _not_started(paths, str(error)) from None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_DEADLINE
    while loop.time() < deadline:
        if (line := await connect(paths)) is not None:
            _reap_later(process)
            return line
        if (status := process.poll()) not in (None, 0):  # 0: another host holds the lock and is about to listen
            raise _not_started(paths, f"Its process {describe_exit(status)}.")
        await asyncio.sleep(_POLL)
    process.kill()
    raise _not_started(paths, f"It did not listen within {START_DEADLINE:.0f} seconds.")


async def _acquire(lock: FileLock) -> None:
    """Wait for the lock without holding the loop up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_DEADLINE
    while not lock.try_acquire():
        if loop.time() > deadline:
            raise BusyError(
                "another program is starting the engine host and does not get on",
                detail=f"Process {lock.holder()} holds {lock.path}.",
                mend="End that process and try again.",
            )
        await asyncio.sleep(_POLL)


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    """The host outlives us in most cases; where it ends before us, nothing is left of it in the process table."""
    threading.Thread(target=process.wait, name="engine host", daemon=True).start()


def _bound(log: Path) -> None:
    try:
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
    except OSError:
        pass


def _not_started(paths: Paths, why: str) -> EngineError:
    log = host_log(paths)
    try:
        tail = tuple(log.read_text("utf-8", "replace").splitlines()[-20:])
    except OSError:
        tail = ()
    return EngineError(
        ErrorCode.CRASHED,
        "The engine host could not be started",
        detail=why,
        mend=f"See {log}; `offgrid doctor` checks the folders it needs.",
        log_tail=tail,
    )
