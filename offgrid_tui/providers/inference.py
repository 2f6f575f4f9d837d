"""The InferenceWorker: the one asyncio task under which every generation of this process runs.

Each generation is a job: a child task that iterates the provider, and a bounded queue between it and whoever listens.
A slow listener never loses text: pieces that wait are joined. A job that is cancelled ends for its listener at once,
however long its provider takes to let go.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from offgrid_tui.engine.contract import Done, ErrorCode, Event, Generate, LoadProgress, Prefill, Text
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.providers.events import GenerationEnded, GenerationStarted
from offgrid_tui.providers.protocol import Provider

TASK_NAME = "InferenceWorker"
MAX_WAITING = 256  # events of one job that may wait for its listener; then the provider waits too
log = logging.getLogger(__name__)


class EventQueue:
    """Events on their way to one listener; holds at most `limit`, and joins what waits.

    Adjacent pieces of text on one channel become one piece, newer progress replaces older. What can't be joined makes
    the writer wait once the queue is full.
    """

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._pieces: list[str] = []  # the text of the last event, where that is a Text: joined when it is taken
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._end: EngineError | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def put(self, event: Event) -> None:
        """Add `event`; waits while the queue is full. Ignored once the queue has ended."""
        if self._join(event):
            return
        while len(self._waiting) >= self._limit and not self._ended:
            self._room.clear()
            await self._room.wait()
        if self._ended:
            return
        self._settle()
        self._waiting.append(event)
        if isinstance(event, Text):
            self._pieces = [event.text]
        self._changed.set()

    def _join(self, event: Event) -> bool:
        if not self._waiting or self._ended:
            return self._ended
        last = self._waiting[-1]
        match last, event:
            case (Text(), Text()) if last.channel == event.channel and last.index == event.index:
                self._pieces.append(event.text)
                self._waiting[-1] = event  # its tokens and time; the text follows in _settle
                return True
            case (LoadProgress(), LoadProgress()) if last.phase == event.phase:
                self._waiting[-1] = event
                return True
            case (Prefill(), Prefill()):
                self._waiting[-1] = event
                return True
        return False

    def _settle(self) -> None:
        """Give the last event the text of all pieces that were joined into it."""
        if self._waiting and isinstance(last := self._waiting[-1], Text) and len(self._pieces) > 1:
            self._waiting[-1] = dataclasses.replace(last, text="".join(self._pieces))
            self._pieces = []

    def end(self, error: EngineError | None = None) -> None:
        """Nothing follows. The first call decides how; what waits is still delivered."""
        if self._ended:
            return
        self._settle()
        self._ended, self._end = True, error
        self._changed.set()
        self._room.set()

    async def get(self) -> Event | None:
        """The next event; None when the queue ended well.

        Raises:
            EngineError: the queue ended with it.
        """
        while not self._waiting:
            if self._ended:
                if self._end is not None:
                    raise self._end
                return None
            self._changed.clear()
            await self._changed.wait()
        if len(self._waiting) == 1:
            self._settle()
        event = self._waiting.popleft()
        self._room.set()
        return event


class Job:
    """One generation. Iterate `events()` once; `cancel()` at any time."""

    def __init__(self, provider: Provider, request: Generate) -> None:
        self.provider = provider
        self.request = request
        self.done: Done | None = None
        self.error: EngineError | None = None
        self._queue = EventQueue()
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
            while (event := await self._queue.get()) is not None:
                yield event
        finally:
            self.cancel()

    async def run(self) -> None:
        """Iterate the provider; called by the InferenceWorker. Raises nothing but CancelledError."""
        if self._cancelled:
            return
        self._task = asyncio.current_task()
        events = self.provider.generate(self.request)
        try:
            async for event in events:
                await self._queue.put(event)
                if isinstance(event, Done) and not self._cancelled:
                    self.done = event
                    self._queue.end()
            if self.done is None:
                self._finish(_broken_off())
        except OffGridError as error:
            self._finish(_as_engine_error(error))
        except asyncio.CancelledError:
            self._finish(EngineError(ErrorCode.CANCELLED, "The answer was stopped"))
            raise
        except Exception as error:  # a provider is a stranger: its faults end its answer alone
            if not self._cancelled:
                log.exception("the provider %s failed", self.provider.name)
            self._finish(_unexpected(self.provider, error))
        finally:
            if isinstance(events, AsyncGenerator):  # left in mid-answer: tell it now, not when it is collected
                await events.aclose()

    def _finish(self, error: EngineError) -> None:
        if self.error is None and self.done is None:
            self.error = error
        self._queue.end(error)


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
        mend="Regenerate the answer; if it happens again, the log says more.",
    )
