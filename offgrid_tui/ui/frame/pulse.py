"""What the status line knows: the figures of this moment, each None until it was measured."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

WINDOW_MS = 1000.0  # live tokens a second are those of the last second


class Activity(Enum):
    """What the active model does; the value is the word on the screen."""

    NONE = ""
    IDLE = "idle"
    WAITING = "waiting"
    STARTING = "starting"
    LOADING = "loading"
    READING = "reading"
    ANSWERING = "answering"
    STOPPING = "stopping"
    FAILED = "failed"

    @property
    def running(self) -> bool:
        return self not in (Activity.NONE, Activity.IDLE, Activity.FAILED)


@dataclass(slots=True)
class Pulse:
    """Mutable on purpose: the bridge's messages write here, the status line reads it at most twice a second.

    Attributes:
        model: what the active model calls itself, or its file's stem before it was loaded.
        label: who answers where it is not the local engine ("scripted answers"); empty otherwise.
        guide: the active model is the one inside the package.
        fraction: of loading or reading, 0 to 1.
        ttft_ms: of the last answer.
        context_used, context_size: tokens of this conversation, and what the loaded model has room for.
        memory_used, memory_budget: bytes of OffGrid's own processes, and what they may take.
        engine: progress of an engine that is being built, as "43/193"; None once it stands.
    """

    model: str | None = None
    label: str = ""
    guide: bool = False
    activity: Activity = Activity.NONE
    fraction: float | None = None
    rate: float | None = None  # tokens a second: live while answering, afterwards the engine's own figure
    ttft_ms: float | None = None
    context_used: int | None = None
    context_size: int | None = None
    memory_used: int | None = None
    memory_budget: int | None = None
    engine: str | None = None
    engine_failed: bool = False
    _window: deque[tuple[float, int]] = field(default_factory=deque)

    def begin(self) -> None:
        """An answer was asked for: figures of the last one are not figures of this one."""
        self.activity = Activity.WAITING
        self.fraction = self.rate = self.ttft_ms = None
        self._window.clear()

    def grew(self, tokens: int, elapsed_ms: float) -> None:
        """`tokens` were generated `elapsed_ms` after the engine was asked."""
        if self.activity is not Activity.STOPPING:
            self.activity = Activity.ANSWERING
        if self.ttft_ms is None:
            self.ttft_ms = elapsed_ms
        self._window.append((elapsed_ms, tokens))
        while len(self._window) > 2 and elapsed_ms - self._window[0][0] > WINDOW_MS:
            self._window.popleft()
        (start_ms, start), (end_ms, end) = self._window[0], self._window[-1]
        if end_ms - start_ms >= 100:  # less says nothing about a second
            self.rate = 1000 * (end - start) / (end_ms - start_ms)

    @property
    def context_fraction(self) -> float | None:
        if self.context_used is None or not self.context_size:
            return None
        return self.context_used / self.context_size

    @property
    def memory_fraction(self) -> float | None:
        if self.memory_used is None or not self.memory_budget:
            return None
        return self.memory_used / self.memory_budget
