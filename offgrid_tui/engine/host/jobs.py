"""One request of one client, from its arrival to its last event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from offgrid_tui.engine.contract import (
    Count,
    Counted,
    Done,
    Error,
    ErrorCode,
    Event,
    Generate,
    Load,
    Loaded,
    LoadProgress,
    StopReason,
    Text,
)
from offgrid_tui.engine.errors import EngineError

ModelRequest = Load | Generate | Count


class Job:
    """Carries a client's request through waiting and running to its end, and its events back.

    Clients choose their ids without knowing of one another, so towards the worker a job goes by `key`.

    Args:
        key: unique in this host.
        request: what was asked.
        send: gives an event to the client; a client that has gone takes nothing.
        client: who asked, in words for another client's error.
        now: monotonic seconds.
    """

    def __init__(
        self,
        key: str,
        request: ModelRequest,
        send: Callable[[Event], None],
        client: str,
        now: Callable[[], float],
    ) -> None:
        self.key = key
        self.request = request
        self.client = client
        self.state: Literal["waiting", "running", "ended"] = "waiting"
        self.ended = asyncio.Event()
        self.on_end: Callable[[], object] = lambda: None
        self._send = send
        self._now = now
        self._received = now()
        self._handed_over = self._received
        self._waited_for_load = False

    @property
    def waited_ms(self) -> float:
        """From its arrival to the worker's getting it."""
        return 1000 * (self._handed_over - self._received)

    def load_progress(self, event: LoadProgress) -> None:
        self._waited_for_load = True
        self._emit(replace(event, model=self.request.model))

    def model_ready(self, loaded: Loaded) -> None:
        """The model is in memory; a Load has its answer with that."""
        event = replace(loaded, model=self.request.model, reused=not self._waited_for_load)
        if isinstance(self.request, Load):
            self._end(event)
        elif isinstance(self.request, Generate):
            self._emit(event)

    def hand_over(self) -> ModelRequest:
        """The request as the worker gets it."""
        self.state = "running"
        self._handed_over = self._now()
        return replace(self.request, id=self.key)

    def from_worker(self, event: Event) -> None:
        """Pass on what the worker says; its times begin when it got the request, the client's when it asked."""
        if isinstance(event, Text):
            self._emit(replace(event, elapsed_ms=event.elapsed_ms + self.waited_ms))
        elif isinstance(event, Done):
            self._end(
                replace(
                    event,
                    load_ms=self.waited_ms if self._waited_for_load else 0.0,
                    queue_ms=event.queue_ms + (0.0 if self._waited_for_load else self.waited_ms),
                    ttft_ms=None if event.ttft_ms is None else event.ttft_ms + self.waited_ms,
                )
            )
        elif isinstance(event, Error | Counted):
            self._end(event)
        else:
            self._emit(event)

    def fail(self, error: EngineError) -> None:
        self._end(error.to_event(self.key))

    def cancelled(self) -> None:
        """It was cancelled before the worker got it."""
        if not isinstance(self.request, Generate):
            self.fail(EngineError(ErrorCode.CANCELLED, "Cancelled"))
            return
        waited = 1000 * (self._now() - self._received)
        load = waited if self._waited_for_load else 0.0
        seed = self.request.sampling.seed or 0
        self._end(Done(self.key, StopReason.CANCELLED, 0, 0, 0, 0, waited - load, load, 0.0, 0.0, None, seed))

    def _end(self, event: Event) -> None:
        if self.state != "ended":
            self._emit(event)
            self.state = "ended"
            self.ended.set()
            self.on_end()

    def _emit(self, event: Any) -> None:
        if self.state != "ended":  # what comes late has no reader
            self._send(replace(event, id=self.request.id))
