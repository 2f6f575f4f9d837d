"""One model file in one worker: loading, ready, ending; the jobs that use it, and the routing of its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

from offgrid_tui.engine.contract import (
    Cancel,
    Counted,
    Done,
    Error,
    Event,
    Hello,
    Load,
    Loaded,
    LoadOptions,
    LoadProgress,
    Prefill,
    Text,
    WorkerStatus,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host import failures
from offgrid_tui.engine.host.jobs import Job
from offgrid_tui.engine.host.worker import Worker, WorkerDeath
from offgrid_tui.foundation.clock import Clock

log = logging.getLogger(__name__)

_LOAD = "load"  # the id of the one Load that a worker gets
StartWorker = Callable[[Callable[[Event], None], Callable[[WorkerDeath], None]], Awaitable[Worker]]


class Model:
    """A model that is loaded, or on its way.

    Args:
        path: the file, links resolved: what makes it the same model to everybody.
        stamp: which version of the file that is.
        options: complete.
        reserved: bytes set aside for it.
        expected_ms: how long earlier loads took.
        start: starts a worker process.
        on_gone: called once, when the model is gone from memory, with its death where nobody had asked for that.
    """

    def __init__(
        self,
        path: str,
        stamp: str,
        options: LoadOptions,
        *,
        reserved: int,
        expected_ms: float | None,
        clock: Clock,
        start: StartWorker,
        on_gone: Callable[[Model, WorkerDeath | None], None],
    ) -> None:
        self.path = path
        self.stamp = stamp
        self.options = options
        self.reserved = reserved
        self.state: Literal["starting", "loading", "ready", "stopping", "failed"] = "starting"
        self.jobs: dict[str, Job] = {}
        self.loaded: Loaded | None = None
        self.hello: Hello | None = None
        self.load_ms = 0.0  # from the start of its process, which is what a person waits for
        self._expected_ms = expected_ms
        self._clock = clock
        self._start = start
        self._on_gone = on_gone
        self._began = clock.monotonic()
        self._used = self._began
        self._worker: Worker | None = None
        self._answer: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        self.loading = asyncio.create_task(self._load(), name=f"load {path}")

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker is not None else None

    @property
    def idle_s(self) -> float:
        """Seconds since it was last used; 0 while it is."""
        return 0.0 if self.jobs else self._clock.monotonic() - self._used

    def join(self, job: Job) -> None:
        """`job` needs this model: it is not unloaded until `leave`."""
        self.jobs[job.key] = job

    def leave(self, job: Job) -> None:
        """`job` is done with it. A load that nobody waits for any longer is given up."""
        self.jobs.pop(job.key, None)
        self._used = self._clock.monotonic()
        if not self.jobs and not self.loading.done():
            self.state = "stopping"  # whoever asks for it now has to have it loaded anew
            self.loading.cancel()

    async def ready(self, job: Job) -> Loaded:
        """Wait until it is loaded; `job` is told how far that is.

        Raises:
            EngineError: it could not be loaded.
        """
        if not self.loading.done():
            job.load_progress(self._progress("starting" if self.state == "starting" else "weights", 0.0))
        await asyncio.wait([self.loading])
        if self.loading.cancelled():
            raise failures.stopped()
        return self.loading.result()

    def run(self, job: Job) -> None:
        """Hand `job` to the worker."""
        assert self._worker is not None
        self._worker.send(job.hand_over())

    def cancel(self, job: Job) -> None:
        """Stop a job that runs; it ends with the worker's Done."""
        if self._worker is not None:
            self._worker.send(Cancel(job.key))

    async def stop(self) -> None:
        """Free it. Jobs that still use it end with an error."""
        self.state = "stopping"
        if not self.loading.done():
            self.loading.cancel()
            await asyncio.wait([self.loading])
        elif self._worker is not None:
            await self._worker.stop()

    def status(self, resident: Callable[[int], int | None], restarts: int) -> WorkerStatus:
        pid = self.pid
        running = sum(job.state == "running" for job in self.jobs.values())
        return WorkerStatus(
            self.path,
            self.state,
            pid,
            running,
            len(self.jobs) - running,
            self.reserved,
            resident(pid) if pid is not None else None,
            restarts,
            self.idle_s,
            self.loaded,
        )

    # ── loading ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _load(self) -> Loaded:
        try:
            self._worker = await self._start(self._on_event, self._on_death)
            self._worker.send(Load(_LOAD, self.path, self.options))
            self.loaded = await self._answer
            self.state = "ready"
            self.load_ms = 1000 * (self._clock.monotonic() - self._began)
            self._used = self._clock.monotonic()
            return self.loaded
        except BaseException:
            if self.state != "stopping":
                self.state = "failed"
            if self._worker is not None and not self._worker.dead.is_set():
                await self._worker.kill()
            elif self._worker is None:
                self._on_gone(self, None)
            raise

    def _progress(self, phase: str, fraction: float) -> LoadProgress:
        elapsed = 1000 * (self._clock.monotonic() - self._began)
        return LoadProgress(_LOAD, self.path, phase, fraction, elapsed, self._expected_ms)

    # ── what the worker says ───────────────────────────────────────────────────────────────────────────────────────

    def _on_event(self, event: Event) -> None:
        match event:
            case Hello():
                self.hello = event
                self.state = "loading"
            case LoadProgress():
                for job in self.jobs.values():
                    job.load_progress(self._progress(event.phase, event.fraction))
            case Loaded():
                if not self._answer.done():
                    self._answer.set_result(event)
            case Error(id=None | "load"):
                self._fail_load(EngineError.from_event(self._with_tail(event)))
            case Prefill() | Text() | Done() | Counted() | Error():
                user = self.jobs.get(event.id or "")
                if user is not None and user.state == "running":
                    user.from_worker(self._with_tail(event) if isinstance(event, Error) else event)
            case _:
                pass  # Ok: a heartbeat's

    def _with_tail(self, event: Error) -> Error:
        if event.log_tail or self._worker is None:
            return event
        return replace(event, log_tail=self._worker.log_tail())

    def _fail_load(self, error: EngineError) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)
        else:
            log.error("%s: %s", self.path, error)

    def _on_death(self, death: WorkerDeath) -> None:
        """The process has gone, whoever wanted it."""
        unwanted = None if death.expected else death
        self._on_gone(self, unwanted)
        if not self._answer.done():
            self._answer.set_exception(failures.died_in_load(self.path, death, spoke=self.hello is not None))
        self.state = "failed" if unwanted else "stopping"
        error = failures.died_in_answer(self.path, death) if unwanted else failures.stopped()
        for job in list(self.jobs.values()):
            if job.state == "running":
                job.fail(error)
