"""All models of a host: who gets loaded, who makes room, who is asked, and what happens when one dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from offgrid_tui.engine.builder.find import EngineInfo
from offgrid_tui.engine.contract import Event, WorkerStatus
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host import failures, memory
from offgrid_tui.engine.host.admission import ModelFile, examine, locate
from offgrid_tui.engine.host.history import LoadHistory, load_key
from offgrid_tui.engine.host.jobs import Job
from offgrid_tui.engine.host.model import Model, StartWorker
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.options import complete, differences
from offgrid_tui.engine.host.restarts import RestartBudget
from offgrid_tui.engine.host.worker import Patience, Worker, WorkerDeath
from offgrid_tui.fit.model import Taken
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.gguf.header import Header
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.settings.schema import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pool asks about the world around it; a test gives it another one."""

    settings: Callable[[], Settings]
    engine: Callable[[], EngineInfo | None]
    hardware: Callable[[], Hardware]
    clock: Clock
    env: Mapping[str, str]
    oom: OomWatch
    patience: Patience = field(default_factory=Patience)


class Pool:
    """Serves jobs, one task each. Models are loaded when a job needs them and unloaded when room is needed, when they
    were idle for too long, or when asked."""

    def __init__(self, around: Surroundings, history: LoadHistory) -> None:
        self._around = around
        self._history = history
        self._budget = RestartBudget(around.clock)
        self._models: dict[str, Model] = {}
        self._forced: set[tuple[str, str]] = set()  # (path, stamp) of what was loaded anyway: asked once is enough
        self._changing = asyncio.Lock()  # one decision about memory at a time
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a job is in work."""
        return bool(self._tasks)

    @property
    def jobs(self) -> int:
        return len(self._tasks)

    # ── jobs ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def submit(self, job: Job) -> None:
        """Serve `job`; it ends by an event of its own, whatever happens."""
        if self._closed:
            job.fail(failures.stopped())
            return
        task = asyncio.create_task(self._serve(job), name=f"job {job.key}")
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def cancel(self, job: Job) -> None:
        """Stop `job`: at once while it waits, within one batch while it runs."""
        task = self._tasks.get(job)
        if task is None or job.state == "ended":
            return
        if job.state == "waiting":
            task.cancel()
        else:
            for model in self._models.values():
                if job.key in model.jobs:
                    model.cancel(job)

    async def _serve(self, job: Job) -> None:
        try:
            model = await self._acquire(job)
            try:
                loaded = await model.ready(job)
                job.model_ready(loaded)
                if job.state != "ended":
                    model.run(job)
                    await job.ended.wait()
            finally:
                model.leave(job)
        except EngineError as error:
            job.fail(error)
        except asyncio.CancelledError:
            job.cancelled()
        except Exception:  # the boundary between one job and all the others
            log.exception("job %s", job.key)
            job.fail(failures.internal())

    async def _acquire(self, job: Job) -> Model:
        """The model that `job` asks for, loaded or on its way, with the job noted as its user.

        The file is read outside the lock: one on a network share that hangs must hold up nobody else.
        """
        file = await asyncio.to_thread(locate, job.request.model)
        header: Header | None = None
        while True:
            async with self._changing:
                model = self._usable(file, job)
                if model is None and header is not None:
                    model = await self._admit(file, header, job)
                if model is not None:
                    model.join(job)
                    return model
            header = await asyncio.to_thread(examine, file.path)

    def _usable(self, file: ModelFile, job: Job) -> Model | None:
        """The model of `file`, if it is there and serves `job`.

        Raises:
            EngineError: it does not, and is at work for others.
        """
        model = self._models.get(file.path)
        if model is None or model.state in ("stopping", "failed"):
            return None
        reasons = differences(model.options, job.request.options)
        if model.stamp != file.stamp:
            reasons.append("its file was replaced since it was loaded")
        if reasons and model.jobs:
            clients = sorted({other.client for other in model.jobs.values()})
            raise failures.busy(file.path, ", ".join(reasons), len(model.jobs), clients)
        return None if reasons else model

    # ── loading ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _admit(self, file: ModelFile, header: Header, job: Job) -> Model:
        """Make room, and start loading.

        Raises:
            EngineError: it does not fit, its restarts are used up, or there is no engine.
        """
        engine = self._around.engine()
        if engine is None:
            raise failures.engine_missing()
        settings = self._around.settings()
        if (old := self._models.get(file.path)) is not None:
            await self._unload(old)
        hardware = await asyncio.to_thread(self._around.hardware)
        asked = job.request.options
        wanted = complete(asked, settings.engine, hardware.cpu.cores, header.context_trained)
        consent = (file.path, file.stamp)
        if getattr(job.request, "force", False):
            self._forced.add(consent)
        while True:
            taken = self._taken()
            options, found = memory.judged(header, wanted, hardware, settings, taken, on_gpu=engine.on_gpu)
            if found.fits:
                break
            if (idle := self._least_recently_used()) is not None:
                log.info("%s is unloaded to make room for %s", idle.path, file.path)
                await self._unload(idle)
                hardware = await asyncio.to_thread(self._around.hardware)
            elif consent in self._forced:
                break
            elif less := memory.less(wanted, options, header, hardware, found.verdict.limit, asked.context is None):
                log.info("%s gets %s tokens, %s at once", file.path, less.context, less.batch or "as many as usual")
                wanted = replace(wanted, context=less.context, batch=less.batch)
            else:
                raise memory.too_large(file.path, found, options, self._models)
        key = load_key(file.path, file.stamp, options)
        if (wait := self._budget.wait(key)) > 0:
            raise failures.restart_budget(file.path, self._budget.deaths(key), wait)
        model = Model(
            file.path,
            file.stamp,
            options,
            reserved=found.estimate.memory,
            expected_ms=self._history.expected_ms(key),
            clock=self._around.clock,
            start=self._starter(engine.python),
            on_gone=lambda gone, death: self._gone(gone, death, key),
        )
        model.loading.add_done_callback(lambda task: self._loaded(model, task, key))
        self._models[file.path] = model
        return model

    def _starter(self, python: str) -> StartWorker:
        async def start(on_event: Callable[[Event], None], on_death: Callable[[WorkerDeath], None]) -> Worker:
            around = self._around
            try:
                return await Worker.start(
                    python, on_event, on_death, oom=around.oom, patience=around.patience, env=around.env
                )
            except OSError as error:
                raise failures.engine_broken(f"{python}: {error.strerror}") from None

        return start

    def _loaded(self, model: Model, task: asyncio.Task[object], key: str) -> None:
        if task.cancelled() or task.exception() is not None:
            return
        if model.loaded is not None:
            log.info("%s is loaded: %.0f ms, context %d", model.path, model.loaded.load_ms, model.loaded.context)
            self._history.record(key, model.load_ms)

    def _gone(self, model: Model, death: WorkerDeath | None, key: str) -> None:
        if self._models.get(model.path) is model:
            del self._models[model.path]
        if death is not None:
            self._budget.died(key)

    def _taken(self) -> Taken:
        reserved = resident = 0
        for model in self._models.values():
            reserved += model.reserved
            if model.pid is not None:
                resident += min(model.reserved, memory.anonymous_memory(model.pid) or 0)
        return Taken(reserved, resident)

    # ── unloading ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _least_recently_used(self) -> Model | None:
        idle = [model for model in self._models.values() if not model.jobs]
        return max(idle, key=lambda model: model.idle_s, default=None)

    async def _unload(self, model: Model) -> None:
        await model.stop()
        if self._models.get(model.path) is model:
            del self._models[model.path]

    async def unload(self, name: str | None) -> None:
        """Free the model `name`, or all of them.

        Raises:
            EngineError: one of them is in use.
        """
        async with self._changing:
            path = None if name is None else (await asyncio.to_thread(locate, name)).path
            chosen = [model for model in self._models.values() if path in (None, model.path)]
            for model in chosen:
                if model.jobs:
                    clients = sorted({job.client for job in model.jobs.values()})
                    raise failures.busy(model.path, "it would end them", len(model.jobs), clients)
            for model in chosen:
                await self._unload(model)

    async def unload_idle(self, seconds: float) -> None:
        """Free the models that nobody has used for `seconds`."""
        async with self._changing:
            for model in list(self._models.values()):
                if not model.jobs and model.state == "ready" and model.idle_s >= seconds:
                    log.info("%s was idle for %.0f s and is unloaded", model.path, model.idle_s)
                    await self._unload(model)

    async def close(self) -> None:
        """End everything; jobs that run get an error."""
        self._closed = True
        for job, task in list(self._tasks.items()):
            job.fail(failures.stopped())
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))  # from here on nothing new is loaded
        await asyncio.gather(*(model.stop() for model in list(self._models.values())))

    def status(self) -> tuple[WorkerStatus, ...]:
        return tuple(
            model.status(memory.resident_memory, self._budget.deaths(load_key(model.path, model.stamp, model.options)))
            for model in self._models.values()
        )
