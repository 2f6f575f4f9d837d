"""Calls that may hang, each in a thread that nobody has to wait for.

A name look-up, a library without time-outs, a server that sends one byte a minute: a thread that is stuck in one of
them can't be ended. `asyncio.to_thread` would make the whole program wait for it when it quits; these threads are
daemons, and what they find after their time is thrown away.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from offgrid_tui.foundation.errors import BusyError

T = TypeVar("T")

MOST = 32  # calls at once, those included that were given up and still hang


class Calls:
    """Runs blocking functions with a deadline that holds."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._running = 0
        self._lock = threading.Lock()

    @property
    def running(self) -> int:
        """Threads at work, given up or not."""
        return self._running

    async def run(self, fn: Callable[[], T], seconds: float, late: Callable[[], Exception]) -> T:
        """What `fn` returns or raises.

        Args:
            seconds: after which it is given up.
            late: makes the error that is raised then.

        Raises:
            BusyError: too many calls hang already.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(value: T | None, error: BaseException | None) -> None:
            if not future.done():
                if error is None:
                    future.set_result(value)  # type: ignore[arg-type]
                else:
                    future.set_exception(error)

        def work() -> None:
            value: T | None = None
            error: BaseException | None = None
            try:
                value = context.run(fn)
            except BaseException as caught:  # noqa: BLE001 -- carried over to who waits, whatever it is
                error = caught
            with self._lock:
                self._running -= 1
            try:
                loop.call_soon_threadsafe(settle, value, error)
            except RuntimeError:
                pass  # the loop has ended: nobody waits any more

        with self._lock:
            if self._running >= self._most:
                raise BusyError(
                    "too many questions to the network are open",
                    detail=f"{self._running} have not been answered yet.",
                    mend="Wait a moment, and try again.",
                )
            self._running += 1
        try:
            threading.Thread(target=work, name="network call", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._running -= 1
            raise BusyError("no thread could be started", mend="Close something, and try again.") from None
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError as error:
            if future.done() and not future.cancelled() and future.exception() is error:
                raise  # it is what `fn` raised
            raise late() from None
