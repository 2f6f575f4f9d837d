"""Dealing with a host that cannot be asked as usual: one of another version, one that hangs, one that is ending."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from offgrid_tui.engine.contract import VERSION, ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.start import Line, connect
from offgrid_tui.system.paths import Paths

log = logging.getLogger(__name__)

HELLO_DEADLINE = 20.0  # seconds from the connection to the host's first line
END_DEADLINE = 20.0  # seconds that a host has to end itself and its workers


async def first_line(line: Line) -> dict[str, Any] | None:
    """The host's Hello as plain JSON, of whatever version; None where it hung up instead.

    Raises:
        EngineError: it says nothing, or not that.
    """
    try:
        async with asyncio.timeout(HELLO_DEADLINE):
            value = json.loads(await line.reader.readuntil(b"\n"))
        if isinstance(value, dict) and value.get("type") == "Hello":
            return value
    except TimeoutError:
        line.writer.transport.abort()
        raise EngineError(
            ErrorCode.UNRESPONSIVE,
            "The engine host does not answer",
            mend="End it with `offgrid stop`, then ask again.",
        ) from None
    except (asyncio.IncompleteReadError, OSError):
        return None
    except (ValueError, asyncio.LimitOverrunError):
        pass
    line.writer.transport.abort()
    raise EngineError(ErrorCode.PROTOCOL, "What listens on the engine's socket is no engine host")


async def replace_old_host(line: Line, hello: dict[str, Any]) -> None:
    """End a host of another protocol version when it is idle. Hello, Status, StatusReport and Shutdown keep their
    form in all versions for this.

    Raises:
        EngineError: it is at work for somebody else.
    """
    version = hello.get("v")

    async def call(kind: str) -> dict[str, Any]:
        line.writer.write(json.dumps({"v": version, "type": kind, "id": kind}).encode() + b"\n")
        while True:
            value = json.loads(await line.reader.readuntil(b"\n"))
            if value.get("id") == kind:
                return dict(value)

    try:
        async with asyncio.timeout(END_DEADLINE):
            report = await call("Status")
            busy = any(worker["running"] + worker["waiting"] for worker in report["workers"])
            if not busy and report["clients"] <= 1:
                await call("Shutdown")
                await line.reader.read()  # until it has gone
                return
    except (TimeoutError, asyncio.IncompleteReadError, OSError, ValueError, KeyError, TypeError) as error:
        log.warning("a host of protocol version %s did not end when asked to: %r", version, error)
    finally:
        line.writer.transport.abort()
    raise EngineError(
        ErrorCode.PROTOCOL,
        "An engine host of another OffGrid version is at work",
        detail=f"It speaks protocol version {version}, this program version {VERSION}.",
        mend="Close the programs that use it, or end it with `offgrid stop`.",
    )


async def end_by_signal(paths: Paths) -> bool:
    """End the process that listens on our socket, as the kernel names it: a host that does not answer."""
    try:
        line = await connect(paths)
    except OSError:
        return False
    if line is None:
        return False
    line.writer.transport.abort()
    if line.peer.pid is None:
        return False
    for number, seconds in ((signal.SIGTERM, END_DEADLINE / 2), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(line.peer.pid, number)
        if await _until(lambda: not _listens(paths), seconds):
            return True
    return True


def _listens(paths: Paths) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(paths.socket)) == 0


async def _until(fact: Callable[[], bool], seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not fact():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
