"""Long work with files: in a thread of low priority, told four times a second, stopped within a few megabytes.

A thread, since what it does (read, write, SHA-256) lets go of the interpreter; on Linux a thread has a priority of its
own, so the loop that draws is served first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import Stopped
from offgrid_tui.library.events import LibraryProgressed, Work

T = TypeVar("T")
NICE = 10
_INTERVAL = 0.25  # seconds between two reports


class Job:
    """How far a piece of work is; `advance` is where it can be stopped.

    Args:
        report: called in the thread that works.
    """

    def __init__(self, work: Work, what: str, report: Callable[[LibraryProgressed], None] | None = None) -> None:
        self.work = work
        self.what = clean_line(what)
        self.total = 0
        self.done = 0
        self._report = report
        self._told = 0.0
        self._stopped = threading.Event()

    def begin(self, what: str, size: int) -> None:
        """`what` is done next; it adds `size` bytes to all that is to do."""
        self.what = clean_line(what)
        self.total += size
        self._tell(0.0)

    def advance(self, size: int) -> None:
        """`size` bytes more are done.

        Raises:
            Stopped: somebody wants that.
        """
        if self._stopped.is_set():
            raise Stopped(f"The {self.work} of {self.what}")
        self.done += size
        self._tell(_INTERVAL)

    def stop(self) -> None:
        """Have the work stop at its next step."""
        self._stopped.set()

    def _tell(self, interval: float) -> None:
        now = time.monotonic()
        if self._report is not None and (now - self._told >= interval or self.done == self.total):
            self._told = now
            self._report(LibraryProgressed(self.work, self.what, self.done, max(self.total, self.done)))


async def in_background(job: Job, work: Callable[[], T]) -> T:
    """Run `work` in a niced thread of its own. Cancelling the task that waits stops the job, and waits for its end,
    so that what it had begun is put away."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        _lower_priority()
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - handed to the task that waits
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=f"library {job.work}", daemon=True).start()
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        job.stop()
        await asyncio.wait({future})
        future.exception()
        raise


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a priority belongs to the process, and would slow the screen too
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
