"""A pool of real workers in this process, in surroundings that the test chooses."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from offgrid_tui.engine.builder.find import EngineInfo
from offgrid_tui.engine.contract import Error, ErrorCode, Event
from offgrid_tui.engine.host.history import LoadHistory
from offgrid_tui.engine.host.jobs import Job, ModelRequest
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.pool import Pool, Surroundings
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import EngineSettings, MemorySettings, Settings
from tests.support.engine import engine_python

GIB = 2**30


class TurnedClock:
    """Stands still until the test turns it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class Bench:
    """A pool, and what is asked of it."""

    def __init__(self, folder: Path, **surroundings: Any) -> None:
        self.clock = TurnedClock()
        self.memory = 16 * GIB
        self.settings = Settings(
            engine=EngineSettings(threads=1, threads_batch=1), memory=MemorySettings(budget=1.0, reserve=0.0)
        )
        self.engine: EngineInfo | None = EngineInfo(engine_python(), "settings")
        around = Surroundings(
            settings=lambda: self.settings,
            engine=lambda: self.engine,
            hardware=self.hardware,
            clock=self.clock,
            env=os.environ,
            oom=OomWatch(),
        )
        self.around = replace(around, **surroundings)
        self.pool = Pool(self.around, LoadHistory(folder / "history.json"))
        self.numbers = itertools.count()

    def hardware(self) -> Hardware:
        found = probe()
        memory = replace(found.memory, total=self.memory, available=self.memory, cgroup_limit=None)
        return replace(found, memory=memory)

    def submit(self, request: ModelRequest) -> tuple[Job, list[Event]]:
        events: list[Event] = []
        job = Job(f"job {next(self.numbers)}", request, events.append, "the test", self.clock.monotonic)
        self.pool.submit(job)
        return job, events

    async def ask(self, request: ModelRequest) -> list[Event]:
        job, events = self.submit(request)
        await asyncio.wait_for(job.ended.wait(), 120)
        return events

    async def code(self, request: ModelRequest) -> ErrorCode | None:
        last = (await self.ask(request))[-1]
        return last.code if isinstance(last, Error) else None

    def pid(self, model: Path) -> int:
        pid = next(worker.pid for worker in self.pool.status() if worker.model == os.path.realpath(model))
        assert pid is not None
        return pid

    @property
    def models(self) -> set[str]:
        return {Path(worker.model).name for worker in self.pool.status()}
