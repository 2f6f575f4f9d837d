"""A mover as the service has it: started, spoken to, heard, ended with a deadline; or, where another process started
it and is gone, only watched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from offgrid_tui.downloads.contract import MAX_LINE, Kind, Order, Said, decode_said, encode
from offgrid_tui.downloads.places import LOCK, STATUS, STOP
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.processes import describe_exit, end_child

_MODULE = "offgrid_tui.downloads.mover"
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent.parent
_GRACE = 3.0  # seconds to stop when asked to
_POLL = 0.25  # seconds between two looks at a mover without a pipe


class Mover:
    """A child of ours."""

    def __init__(self, child: subprocess.Popen[bytes], reader: asyncio.StreamReader) -> None:
        self._child = child
        self._reader = reader

    @classmethod
    async def start(cls, order: Order, log: Path) -> Mover:
        """Start a mover for `order`; what it has to say beyond the contract goes to the file `log`.

        Raises:
            OSError: it can't be started.
        """
        child = await asyncio.to_thread(_spawn, log)
        assert child.stdout is not None
        reader = asyncio.StreamReader(limit=MAX_LINE)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), child.stdout)
        mover = cls(child, reader)
        await asyncio.to_thread(mover._write, encode(order))
        return mover

    @property
    def pid(self) -> int:
        return self._child.pid

    async def said(self) -> AsyncIterator[Said]:
        """What it says, until it ends."""
        while line := await self._reader.readline():
            with contextlib.suppress(DamagedError):
                yield decode_said(line)

    def tell(self, do: str, **more: Any) -> None:
        """A command; one that has just died takes it silently."""
        self._write(encode({"do": do, **more}))

    def leave(self) -> None:
        """Let go of it: it goes on alone."""
        self.tell("stay")
        self._close()

    async def stop(self) -> None:
        """Ask it to stop, wait for that, and end it where it does not. What came is kept."""
        self.tell("stop")
        await self.ended(_GRACE)

    async def ended(self, grace: float = _GRACE) -> str:
        """Wait for its end, at most `grace` seconds, then see to it; in words, how it ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._child.poll() is None:
                    await asyncio.sleep(0.01)
        status = await asyncio.to_thread(end_child, self._child, 1.0)
        self._close()
        return describe_exit(status)

    def _write(self, line: bytes) -> None:
        if self._child.stdin is not None and not self._child.stdin.closed:
            with contextlib.suppress(OSError):
                self._child.stdin.write(line)
                self._child.stdin.flush()

    def _close(self) -> None:
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()


def _spawn(log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    search = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
    try:
        # A session of its own: neither ctrl+c nor the loss of the terminal is for it.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            cwd="/",  # it must not keep a stick from being unmounted
            env={**os.environ, "PYTHONPATH": search},
        )
    finally:
        os.close(output)


class Stray:
    """A mover that somebody else started and left: known by the lock that it holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / LOCK, what="the download")

    def lives(self) -> bool:
        """Whether a mover works in the folder."""
        if not self._folder.is_dir():
            return False
        try:
            if not self._lock.try_acquire():
                return True
        except OSError:
            return False
        self._lock.release()
        return False

    async def said(self) -> AsyncIterator[Said]:
        """How far it is, as it says in its file, until it ends."""
        seen = b""
        while await asyncio.to_thread(self.lives):
            with contextlib.suppress(OSError, DamagedError):
                text = (self._folder / STATUS).read_bytes()
                if text != seen:
                    seen = text
                    said = decode_said(text)
                    if said.kind in (Kind.PROGRESS, Kind.WAITING):
                        yield said
            await asyncio.sleep(_POLL)

    async def stop(self) -> None:
        """Ask it to stop, and wait for that."""
        await asyncio.to_thread((self._folder / STOP).touch)
        while await asyncio.to_thread(self.lives):
            await asyncio.sleep(0.05)
