"""The InferenceWorker: the one asyncio task under which every generation of this process runs.

Each generation is a job: a child task that iterates the provider, and a mailbox between it and whoever listens, in
which what waits for a slow listener is joined and never lost. A job that is cancelled ends for its listener at once,
however long its provider takes to let go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from offgrid_tui.engine.contract import Done, ErrorCode, Event, Generate
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.mailbox import Mailbox, MailboxFull
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.providers.events import GenerationEnded, GenerationStarted
from offgrid_tui.providers.protocol import Provider

TASK_NAME = "InferenceWorker"
log = logging.getLogger(__name__)


class Job:
    """One generation. Iterate `events()` once; `cancel()` at any time."""

    def __init__(self, provider: Provider, request: Generate) -> None:
        self.provider = provider
        self.request = request
        self.done: Done | None = None
        self.error: EngineError | None = None
        self._mailbox = Mailbox()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Stop the generation, in whatever stage it is. What came before is still delivered; then `events()` raises
        EngineError(CANCELLED)."""
        if self._cancelled or self.done is not None or self.error is not None:
            return
        self._cancelled = True
        self._finish(EngineError(ErrorCode.CANCELLED, "The answer was stopped"))
        if self._task is not None:
            self._task.cancel()

    async def events(self) -> AsyncIterator[Event]:
        """LoadProgress…, Loaded, Prefill…, Text…, Done. Leaving the loop early cancels the job.

        Raises:
            EngineError: the request failed; CANCELLED where `cancel` ended it.
        """
        try:
            while events := await self._mailbox.take():
                for event in events:
                    yield event
            if self.error is not None:
                raise self.error
        finally:
            self.cancel()

    async def run(self) -> None:
        """Iterate the provider; called by the InferenceWorker. Raises nothing but CancelledError."""
        if self._cancelled:
            return
        self._task = asyncio.current_task()
        try:
            await self._iterate()
            if self.done is None:
                self._finish(_broken_off())
        except OffGridError as error:
            self._finish(_as_engine_error(error))
        except MailboxFull:
            self._finish(_unread())
        except asyncio.CancelledError:
            self._finish(EngineError(ErrorCode.CANCELLED, "The answer was stopped"))
            raise
        except Exception as error:  # a provider is a stranger: its faults end its answer alone
            if not self._cancelled:
                log.exception("the provider %s failed", self.provider.name)
            self._finish(_unexpected(self.provider, error))

    async def _iterate(self) -> None:
        events = self.provider.generate(self.request)
        try:
            async for event in events:
                if isinstance(event, Done) and not self._cancelled:
                    self.done = event
                self._mailbox.put(event)
                if self.done is not None:
                    self._mailbox.close()
        finally:
            if isinstance(events, AsyncGenerator):  # left in mid-answer: tell it now, not when it is collected
                await events.aclose()

    def _finish(self, error: EngineError) -> None:
        if self.error is None and self.done is None:
            self.error = error
        self._mailbox.close()


class InferenceWorker:
    """Owns the running generations. Several run at once; each fails alone."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._inbox: asyncio.Queue[Job] = asyncio.Queue()
        self._jobs: set[Job] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def running(self) -> int:
        """Generations in work."""
        return len(self._jobs)

    def start(self) -> None:
        """Make the task `InferenceWorker` in the running loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=TASK_NAME)

    def submit(self, provider: Provider, request: Generate) -> Job:
        """Have `provider` answer `request`; returns at once."""
        job = Job(provider, request)
        if self._closed or self._task is None:
            job.cancel()
            return job
        self._jobs.add(job)
        self._bus.publish(GenerationStarted(request, provider.name, len(self._jobs)))
        self._inbox.put_nowait(job)
        return job

    async def close(self, deadline: float = 5.0) -> None:
        """Cancel all jobs, and wait at most `deadline` seconds for their providers to let go."""
        self._closed = True
        for job in tuple(self._jobs):
            job.cancel()
        if self._task is None:
            return
        self._task.cancel()
        _, late = await asyncio.wait({self._task}, timeout=deadline)
        if late:
            log.error("%d generations did not end within %.0f s", len(self._jobs), deadline)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                job = await self._inbox.get()
                group.create_task(self._own(job), name=f"generation {job.request.id}")

    async def _own(self, job: Job) -> None:
        try:
            await job.run()
        finally:
            self._jobs.discard(job)
            self._bus.publish(
                GenerationEnded(job.request, job.provider.name, len(self._jobs), job.done, job.error),
            )


def _unread() -> EngineError:
    return EngineError(
        ErrorCode.INTERNAL,
        "The answer grew faster than it was taken",
        mend="Regenerate the answer; if it happens again, workstation.log says more.",
    )


def _broken_off() -> EngineError:
    return EngineError(
        ErrorCode.PROTOCOL,
        "The answer broke off",
        detail="Whoever answered ended without saying how.",
        mend="Regenerate the answer.",
    )


def _as_engine_error(error: OffGridError) -> EngineError:
    if isinstance(error, EngineError):
        return error
    return EngineError(ErrorCode.INTERNAL, error.title, detail=error.detail, mend=error.mend)


def _unexpected(provider: Provider, error: Exception) -> EngineError:
    return EngineError(
        ErrorCode.INTERNAL,
        "The answer failed inside OffGrid",
        detail=f"{provider.name}: {type(error).__name__}: {error}",
        mend="Regenerate the answer; if it happens again, workstation.log says more.",
    )
