"""A program in a terminal of our own: what it draws is recorded with the time at which each piece came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pyte


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came in one read, and when, by time.monotonic()."""

    time: float
    data: bytes


class Terminal:
    """A pseudo-terminal with one program in it; the program is ended with the block.

    A thread does nothing but read and note the time. The screen is worked out afterwards, or in `wait_for`, so that
    recording takes as little as it can from what is measured.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], columns: int = 120, rows: int = 36) -> None:
        self.columns, self.rows = columns, rows
        self.pieces: list[Piece] = []
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self._ended = threading.Event()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        kept = {k: v for k, v in env.items() if k not in ("TMUX", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR")}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env={**kept, **terminal}, start_new_session=True
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> float:
        """Type `data`; returns the time just before."""
        now = time.monotonic()
        os.write(self._master, data)
        return now

    def wait_for(self, shown: Callable[[list[str]], bool], seconds: float, what: str) -> list[str]:
        """Wait until the screen's lines satisfy `shown`; returns them.

        Raises:
            RuntimeError: it did not come to that; tells what is on the screen instead.
        """
        deadline = time.monotonic() + seconds
        while True:
            lines = self.lines()
            if shown(lines):
                return lines
            if time.monotonic() > deadline or self.process.poll() is not None:
                text = "\n".join(line.rstrip() for line in lines)
                raise RuntimeError(f"{what} did not come within {seconds:.0f} s; the screen:\n{text}")
            time.sleep(0.05)

    def lines(self) -> list[str]:
        """The screen as it is now."""
        while self._fed < len(self.pieces):
            self._stream.feed(self.pieces[self._fed].data)
            self._fed += 1
        return list(self._screen.display)

    def replay(self) -> Iterator[tuple[float, list[str]]]:
        """The recording: each time something came, and the screen after it."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for piece in list(self.pieces):
            stream.feed(piece.data)
            yield piece.time, list(screen.display)

    def close(self) -> int:
        """End the program: SIGTERM, and SIGKILL where that does not do. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            if self.process.poll() is None:
                self.process.kill()
        code = self.process.wait()
        self._ended.set()
        self._reader.join(5)
        with contextlib.suppress(OSError):
            os.close(self._master)
        return code

    def _read(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.2)
            if not ready:
                continue
            try:
                data = os.read(self._master, 2**16)
            except OSError:  # the program closed its end
                return
            if not data:
                return
            self.pieces.append(Piece(time.monotonic(), data))
