"""One answer on its way: from the request, through queue, prompt and decoding, to its end."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from offgrid_tui.engine.contract import Done, Generate, StopReason
from offgrid_tui.engine.worker.output import Output

if TYPE_CHECKING:  # who gets which slot is decided, and tested, without llama.cpp
    from offgrid_tui.engine.worker.sampling import Sampler

PRIORITIES = {"interactive": 0, "normal": 1, "background": 2}


@dataclass(eq=False)
class Job:
    """Written by the scheduler's thread, but for `cancelled`, which any thread may set, once.

    Times are in microseconds of llama.cpp's clock; 0 where it has not happened.
    """

    request: Generate
    received: int
    order: int = 0  # by arrival
    cancelled: bool = False
    abortable: bool = False  # llama.cpp works on a batch that is worth ending if this answer is cancelled

    tokens: array[int] = field(default_factory=lambda: array("i"))  # prompt, then answer
    prompt_tokens: int = 0
    cached_tokens: int = 0
    sampler: Sampler | None = None
    output: Output | None = None

    generated: int = 0
    thinking_tokens: int = 0
    shared_with: int = 0
    queued: int = 0  # all time spent waiting for a slot
    paused: int = 0  # the part of it that came after the first token
    waiting_since: int = 0
    started: int = 0  # got its slot; pushed back by waiting in mid-prompt
    first_token: int = 0
    last_token: int = 0
    last_prefill: int = 0  # when the last Prefill event was sent

    @property
    def priority(self) -> int:
        return PRIORITIES[self.request.priority]

    @property
    def rank(self) -> tuple[int, int]:
        """Who is served first: the smallest."""
        return self.priority, self.order

    def wait(self, now: int) -> None:
        self.waiting_since = now

    def resume(self, now: int) -> None:
        """Waiting is over, if it waited: it has a slot, or has ended."""
        if self.waiting_since:
            waited = now - self.waiting_since
            self.waiting_since = 0
            self.queued += waited
            if self.first_token:
                self.paused += waited
            elif self.started:
                self.started += waited

    def done(self, now: int, reason: StopReason, stop: str | None = None) -> Done:
        self.resume(now)
        prefill, decode = 0, 0
        if self.first_token:
            prefill = self.first_token - self.started
            decode = self.last_token - self.first_token - self.paused
        elif self.started:
            prefill = now - self.started
        return Done(
            id=self.request.id,
            stop_reason=reason,
            prompt_tokens=self.prompt_tokens,
            cached_tokens=self.cached_tokens,
            completion_tokens=self.generated,
            thinking_tokens=self.thinking_tokens,
            queue_ms=self.queued / 1000,
            load_ms=0.0,
            prefill_ms=max(0, prefill) / 1000,
            decode_ms=max(0, decode) / 1000,
            ttft_ms=(self.first_token - self.received) / 1000 if self.first_token else None,
            seed=self.sampler.seed if self.sampler else self.request.sampling.seed or 0,
            shared_with=self.shared_with,
            stop=stop,
        )
