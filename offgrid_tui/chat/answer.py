"""One answer while it comes: what the engine tells goes in, what listeners are told and what is saved comes out."""

from __future__ import annotations

import dataclasses
import logging
from typing import Literal

from offgrid_tui.chat.events import AnswerGrew, AnswerProgressed, ModelLoaded
from offgrid_tui.chat.model import Figures, Turn, TurnState
from offgrid_tui.engine.contract import Done, Event, Loaded, LoadProgress, Prefill, StopReason, Text
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.providers.inference import Job

Phase = Literal["engine", "queued", "starting", "loading", "prompt"]
_PHASES: dict[str, Phase] = {"engine": "engine", "queued": "queued", "starting": "starting"}
log = logging.getLogger(__name__)


class Answer:
    """A running turn and the job that fills it. `turn` is what there is of it now; it ends exactly once."""

    def __init__(self, turn: Turn, job: Job, bus: Bus, clock: Clock) -> None:
        self.job = job
        self._turn = turn
        self._bus = bus
        self._clock = clock
        self._phase: tuple[str, float] = ("", 0.0)  # and when it began, by the clock
        self._pieces: dict[str, list[str]] = {"answer": [], "thinking": []}
        self._loaded: Loaded | None = None
        self._prefill: Prefill | None = None
        self._first: Text | None = None  # the first piece that came, and the newest
        self._last: Text | None = None
        self._thinking: tuple[float, float] | None = None  # elapsed ms at the first thought, and at its end

    @property
    def turn(self) -> Turn:
        """The turn with everything that came so far."""
        if self._turn.state is not TurnState.RUNNING:
            return self._turn
        return dataclasses.replace(self._turn, content=self._text("answer"), thinking=self._text("thinking"))

    @property
    def id(self) -> str:
        return self._turn.id

    async def run(self) -> Turn:
        """Take the job's events until it ends; returns the turn as it ended, which is not saved yet."""
        self._progress("queued", None)
        done: Done | None = None
        try:
            async for event in self.job.events():
                if isinstance(event, Done):
                    done = event
                else:
                    self._take(event)
        except EngineError as error:
            return self._stop() if self.job.cancelled else self._fail(error)
        except Exception as error:  # the boundary of one answer: whatever goes wrong in it ends it, and it alone
            log.exception("an answer failed")
            return self._fail(error)
        assert done is not None  # the job's own promise: events end with Done, or an error
        state = TurnState.STOPPED if done.stop_reason is StopReason.CANCELLED else TurnState.COMPLETE
        return self._end(state, self._figures(done))

    def _take(self, event: Event) -> None:
        match event:
            case LoadProgress():
                phase = _PHASES.get(event.phase, "loading")
                measured = phase in ("engine", "loading")
                self._progress(phase, event.fraction if measured else None, event.elapsed_ms, event.expected_ms)
            case Loaded():
                self._loaded = event
                self._turn = dataclasses.replace(
                    self._turn, model_name=clean_line(event.name), quantisation=clean_line(event.quantisation, 40)
                )
                self._bus.publish(ModelLoaded(event, self.id))
            case Prefill():
                self._prefill = event
                fraction = event.done / event.total if event.total else None
                self._progress("prompt", fraction, tokens=event.total, cached=event.cached)
            case Text():
                self._grow(event)

    def _grow(self, event: Text) -> None:
        self._first = self._first or event
        self._last = event
        if event.channel == "thinking":
            start = self._thinking[0] if self._thinking else event.elapsed_ms
            self._thinking = (start, event.elapsed_ms)
        elif self._thinking and not self._pieces["answer"]:
            self._thinking = (self._thinking[0], event.elapsed_ms)
        if text := clean(event.text):
            self._pieces[event.channel].append(text)
        self._bus.publish(
            AnswerGrew(self.id, self._turn.conversation, text, event.channel, event.tokens, event.elapsed_ms)
        )

    def _progress(
        self,
        phase: Phase,
        fraction: float | None,
        elapsed_ms: float | None = None,
        expected_ms: float | None = None,
        *,
        tokens: int | None = None,
        cached: int | None = None,
    ) -> None:
        now = self._clock.monotonic()
        if self._phase[0] != phase:
            self._phase = (phase, now)
        if elapsed_ms is None:
            elapsed_ms = 1000 * (now - self._phase[1])
        conversation = self._turn.conversation
        self._bus.publish(
            AnswerProgressed(self.id, conversation, phase, fraction, elapsed_ms, expected_ms, tokens, cached)
        )

    def _stop(self) -> Turn:
        return self._end(TurnState.STOPPED, self._figures(None, "cancelled"))

    def _fail(self, error: Exception) -> Turn:
        return self._end(TurnState.FAILED, self._figures(None), clean(str(error)) or type(error).__name__)

    def _end(self, state: TurnState, figures: Figures, error: str | None = None) -> Turn:
        self._turn = self.turn.moved(state, figures=figures, error=error)
        return self._turn

    def _text(self, channel: str) -> str:
        pieces = self._pieces[channel]
        if len(pieces) > 1:
            pieces[:] = ["".join(pieces)]
        return pieces[0] if pieces else ""

    def _figures(self, done: Done | None, stop_reason: str | None = None) -> Figures:
        """The engine's own figures; for an answer that was broken off, those that were measured until then."""
        loaded, prefill, first, last = self._loaded, self._prefill, self._first, self._last
        figures = Figures(
            thinking_ms=self._thinking[1] - self._thinking[0] if self._thinking else None,
            stop_reason=stop_reason,
            gpu_layers=loaded.gpu_layers if loaded else None,
            layers=loaded.layers if loaded else None,
            context=loaded.context if loaded else None,
        )
        if done is not None:
            return dataclasses.replace(
                figures,
                prompt_tokens=done.prompt_tokens,
                cached_tokens=done.cached_tokens,
                completion_tokens=done.completion_tokens,
                thinking_tokens=done.thinking_tokens,
                queue_ms=done.queue_ms,
                load_ms=done.load_ms,
                prefill_ms=done.prefill_ms,
                decode_ms=done.decode_ms,
                ttft_ms=done.ttft_ms,
                prefill_tps=done.prefill_tps,
                decode_tps=done.decode_tps,
                seed=done.seed,
                stop_reason=done.stop_reason.value,
            )
        if prefill is not None:
            figures = dataclasses.replace(figures, prompt_tokens=prefill.total, cached_tokens=prefill.cached)
        if first is not None and last is not None:
            steps, span = last.tokens - first.tokens, last.elapsed_ms - first.elapsed_ms
            figures = dataclasses.replace(
                figures,
                completion_tokens=last.tokens,
                ttft_ms=first.elapsed_ms,
                decode_tps=1000 * steps / span if steps > 0 and span > 0 else None,
            )
        return figures
