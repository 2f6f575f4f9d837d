"""A provider whose answers are written down beforehand, for tests of what stands above the engine.

It keeps the contract that the local engine keeps (order of events, errors raised, closing stops it), says on screen
that it is scripted, and can be held at any stage: tests then act, and let it go on.

    provider = ScriptedProvider("Hello there.")
    gate = provider.hold("answer")          # in the middle of the next answer
    ... ask ...
    await gate.reached()
    ... stop, look, crash ...
    gate.release()
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from offgrid_tui.engine.contract import (
    Count,
    Done,
    ErrorCode,
    Event,
    Generate,
    Load,
    Loaded,
    LoadProgress,
    Prefill,
    StopReason,
    Text,
)
from offgrid_tui.engine.errors import EngineError

Stage = Literal["queued", "loading", "prompt", "thinking", "answer", "done"]


def crashed() -> EngineError:
    """What the engine raises when its worker dies in mid-answer."""
    return EngineError(
        ErrorCode.CRASHED,
        "The engine stopped in mid-answer",
        detail="llama.cpp ended by signal 11 (SIGSEGV).",
        mend="Ask again: the model is loaded anew.",
        log_tail=("scripted: the last line of the log",),
    )


@dataclass(frozen=True)
class Script:
    """One answer. Text comes in words; `delay` seconds before each. `fails` is raised after `fails_after` words of the
    answer; with None and `breaks_off` the provider just ends. `fails_at` raises it at an earlier stage instead."""

    text: str = "A scripted answer."
    thinking: str = ""
    delay: float = 0.0
    fails: Exception | None = None
    fails_after: int | None = None
    fails_at: Stage | None = None
    breaks_off: bool = False
    stop_reason: StopReason = StopReason.END
    prompt_tokens: int = 24
    cached_tokens: int = 0
    name: str = "Scripted 1B"
    quantisation: str = "Q4_K_M"
    context: int = 4096


@dataclass
class Gate:
    """Holds answers at a stage: `await reached()`, then `release()`."""

    stage: Stage
    _reached: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self, timeout: float = 30) -> None:
        async with asyncio.timeout(timeout):
            await self._reached.wait()

    def release(self) -> None:
        self._released.set()

    async def hold(self) -> None:
        self._reached.set()
        await self._released.wait()


class ScriptedProvider:
    """Answers by script: one text or Script for all requests, a sequence (the last repeats), or a function."""

    name = "scripted"
    label = "scripted answers"

    def __init__(self, script: str | Script | Sequence[str | Script] | Callable[[Generate], str | Script]) -> None:
        self._script = script
        self._gates: list[Gate] = []
        self._loaded: set[str] = set()
        self.requests: list[Generate] = []
        self.loads: list[Load] = []
        self.cancelled: list[str] = []  # ids of requests whose answer was broken off from outside
        self.closed = False

    def hold(self, stage: Stage) -> Gate:
        """Hold every answer that comes to `stage` until the gate is released."""
        gate = Gate(stage)
        self._gates.append(gate)
        return gate

    async def load(self, request: Load) -> AsyncIterator[Event]:
        self.loads.append(request)
        script = self._next(None)
        async for event in self._load(request, script):
            yield event

    async def generate(self, request: Generate) -> AsyncIterator[Event]:
        self.requests.append(request)
        script = self._next(request)
        try:
            async for event in self._load(request, script):
                yield event
            async for event in self._answer(request, script):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(request.id)
            raise

    async def count(self, request: Count) -> int:
        return sum(len(message.content.split()) + 4 for message in request.messages)

    async def close(self) -> None:
        self.closed = True

    async def _load(self, request: Load | Generate, script: Script) -> AsyncIterator[Event]:
        id, model = request.id, request.model
        reused = model in self._loaded
        if not reused:
            yield LoadProgress(id, model, "queued", 0.0, 0.0, 40.0)
        await asyncio.sleep(0)
        await self._stage("queued", script)
        if not reused:
            yield LoadProgress(id, model, "starting", 0.0, 5.0, 40.0)
            await asyncio.sleep(0)  # lets whoever listens take it, before the next one replaces it
            yield LoadProgress(id, model, "weights", 0.38, 15.0, 40.0)
            await self._stage("loading", script)
            yield LoadProgress(id, model, "weights", 1.0, 35.0, 40.0)
            self._loaded.add(model)
        yield Loaded(
            id=id,
            model=model,
            name=script.name,
            architecture="scripted",
            parameters=1_000_000_000,
            quantisation=script.quantisation,
            file_size=600_000_000,
            context_trained=32768,
            context=script.context,
            slots=4,
            layers=16,
            gpu_layers=0,
            devices=("CPU",),
            memory={"weights CPU": 600_000_000, "kv CPU": 100_000_000, "compute CPU": 50_000_000},
            threads=1,
            threads_batch=2,
            load_ms=0.0 if reused else 40.0,
            template="gguf",
            thinking=bool(script.thinking),
            engine="scripted answers",
            reused=reused,
        )

    async def _answer(self, request: Generate, script: Script) -> AsyncIterator[Event]:
        id = request.id
        total, cached = script.prompt_tokens, script.cached_tokens
        yield Prefill(id, cached, total, cached)
        await self._stage("prompt", script)
        yield Prefill(id, total, total, cached)

        clock = asyncio.get_running_loop().time
        started, tokens, thought = clock(), 0, 0
        for channel, stage, text in (("thinking", "thinking", script.thinking), ("answer", "answer", script.text)):
            words = re.findall(r"\S+\s*|\s+", text)
            for i, word in enumerate(words):
                if i == (len(words) + 1) // 2:
                    await self._stage(stage, script)  # type: ignore[arg-type]
                if channel == "answer" and i == script.fails_after:
                    raise script.fails or crashed()
                await asyncio.sleep(script.delay)
                tokens += 1
                thought += channel == "thinking"
                yield Text(id, word, channel, tokens, 10 + 1000 * (clock() - started))  # type: ignore[arg-type]
        if len(re.findall(r"\S+\s*|\s+", script.text)) < 2:
            await self._stage("answer", script)
        await self._stage("done", script)
        if script.breaks_off:
            return
        yield Done(
            id=id,
            stop_reason=script.stop_reason,
            prompt_tokens=total,
            cached_tokens=cached,
            completion_tokens=tokens,
            thinking_tokens=thought,
            queue_ms=0.0,
            load_ms=40.0,
            prefill_ms=10.0,
            decode_ms=max(1.0, 1000 * (clock() - started)),
            ttft_ms=10.0,
            seed=request.sampling.seed if request.sampling.seed is not None else 42,
        )

    async def _stage(self, stage: Stage, script: Script) -> None:
        for gate in self._gates:
            if gate.stage == stage:
                await gate.hold()
        if script.fails_at == stage:
            raise script.fails or crashed()

    def _next(self, request: Generate | None) -> Script:
        script = self._script
        if callable(script):
            script = script(request) if request is not None else ""
        elif isinstance(script, Sequence) and not isinstance(script, str):
            script = script[min(max(0, len(self.requests) - 1), len(script) - 1)]
        return script if isinstance(script, Script) else Script(text=str(script))
