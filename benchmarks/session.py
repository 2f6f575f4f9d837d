"""A workstation in a terminal of ours, and what its database holds."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.home import Home, bench_home
from benchmarks.terminal import Terminal
from offgrid_tui.chat.model import Figures

_ANSWERS = (
    "SELECT content, state, figures FROM turns WHERE role = 'assistant' ORDER BY created DESC, rowid DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as the database holds it."""

    content: str
    state: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Session:
    home: Home
    terminal: Terminal

    async def ask(self, text: str, seconds: float = 120.0) -> tuple[float, Stored]:
        """Type `text` and enter, and wait until its answer is stored whole. Returns when enter was pressed."""
        before = self.stored()
        self.terminal.send(text.encode())
        await asyncio.sleep(0.3)  # typing is not what is measured
        pressed = self.terminal.send(b"\r")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.stored()
            if now and now != before and now.state != "running":
                return pressed, now
            await asyncio.sleep(0.1)
        screen = "\n".join(self.terminal.lines())
        raise RuntimeError(f"no answer within {seconds:.0f} s; the screen:\n{screen}")

    def stored(self) -> Stored | None:
        """The last answer; None where there is none yet."""
        if not self.home.paths.database.exists():
            return None
        # Looked at from outside, by another SQLite: what is stored, not what the program says is stored.
        with closing(sqlite3.connect(f"file:{self.home.paths.database}?mode=ro", uri=True, timeout=5)) as database:
            try:
                row = database.execute(_ANSWERS).fetchone()
            except sqlite3.OperationalError:  # it is being made
                return None
        if row is None:
            return None
        content, state, figures = row
        return Stored(str(content), str(state), Figures(**json.loads(figures or "{}")))


@asynccontextmanager
async def workstation(
    python: str, model: Path, command: list[str], columns: int = 120, rows: int = 36, **settings: str
) -> AsyncIterator[Session]:
    """`command` (a workstation, told which model) in a home of its own; all of it is gone after the block."""
    async with bench_home(python, **settings) as home:
        with Terminal([*command, "--model", str(model)], home.environment, columns, rows) as terminal:
            await asyncio.to_thread(terminal.wait_for, ready, 60.0, "the workstation")
            yield Session(home, terminal)


def ready(lines: list[str]) -> bool:
    """The frame stands and takes what is typed."""
    return "OffGrid" in lines[0] and any("idle" in line for line in lines[-3:])
