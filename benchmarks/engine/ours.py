"""The way of the workstation to a model: EngineClient, the engine host, a worker; timed from outside."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.home import bench_home
from benchmarks.prompts import message_of
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import (
    Count,
    Done,
    Generate,
    Load,
    Loaded,
    LoadOptions,
    Message,
    Prefill,
    Sampling,
    StopReason,
    Text,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, by the client's clock: seconds from the request to its first text and to its end."""

    first: float
    whole: float
    first_tokens: int  # that came with the first text
    tokens: int
    done: Done

    @property
    def prefill_tps(self) -> float:
        """Prompt tokens that had to be read, a second, from the request to the first text."""
        return (self.done.prompt_tokens - self.done.cached_tokens) / self.first

    @property
    def decode_tps(self) -> float:
        return (self.tokens - self.first_tokens) / (self.whole - self.first)


@dataclass(slots=True)
class Ours:
    """A loaded model and the client that asks it."""

    client: EngineClient
    model: str
    options: LoadOptions
    loaded: Loaded
    worker: psutil.Process
    _numbers: itertools.count[int]

    async def prompt(self, tokens: int, seed: int) -> tuple[Message, ...]:
        async def count(messages: tuple[Message, ...]) -> int:
            return await self.client.count(Count(self._id(), self.model, messages, self.options))

        return await message_of(tokens, seed, count)

    async def answer(self, messages: tuple[Message, ...], tokens: int, seed: int = 1) -> Answer:
        """Exactly `tokens` tokens of answer, with the sampling that a chat has unless told otherwise.

        Raises:
            RuntimeError: the model ended its turn early.
        """
        request = self.request(messages, tokens, seed)
        began = time.perf_counter()
        first, first_tokens, last = 0.0, 0, 0.0
        async for event in self.client.generate(request):
            last = time.perf_counter() - began
            if isinstance(event, Text) and not first:
                first, first_tokens = last, event.tokens
            if isinstance(event, Done):
                if event.completion_tokens != tokens:
                    raise RuntimeError(f"{event.completion_tokens} tokens ({event.stop_reason.value}), not {tokens}")
                return Answer(first, last, first_tokens, event.completion_tokens, event)
        raise RuntimeError("an answer without an end")

    async def abort(self, messages: tuple[Message, ...]) -> tuple[float, float] | None:
        """Cancel in mid-prompt. Returns the seconds from the cancel to the end of the request, and to the first text
        of the next one; None where the prompt was read before the cancel came."""
        request = self.request(messages, 1, 1)
        cancelled = ended = 0.0
        done: Done | None = None
        async with aclosing(self.client.generate(request)) as events:
            async for event in events:
                if isinstance(event, Prefill) and event.done > event.cached and not cancelled:
                    cancelled = time.perf_counter()
                    self.client.cancel(request.id)
                if isinstance(event, Done):
                    done, ended = event, time.perf_counter()
        if done is None or done.stop_reason is not StopReason.CANCELLED or done.completion_tokens:
            return None
        await self.answer((Message("user", "one two"),), 1)
        return ended - cancelled, time.perf_counter() - cancelled

    def request(self, messages: tuple[Message, ...], tokens: int, seed: int) -> Generate:
        sampling = Sampling(max_tokens=tokens, seed=seed)
        return Generate(self._id(), self.model, messages, self.options, sampling)

    def _id(self) -> str:
        return f"bench {next(self._numbers)}"


@asynccontextmanager
async def ours(python: str, model: Path, options: LoadOptions) -> AsyncIterator[Ours]:
    """A host of its own with `model` loaded; both are gone after the block."""
    async with bench_home(python) as home:
        client = EngineClient(home.paths, home.settings)
        try:
            loaded = None
            async for event in client.load(Load("load", str(model), options)):
                if isinstance(event, Loaded):
                    loaded = event
            status = await client.status()
            if loaded is None or status is None or not status.workers[0].pid:
                raise RuntimeError("the model was not loaded")
            worker = psutil.Process(status.workers[0].pid)
            yield Ours(client, str(model), options, loaded, worker, itertools.count(1))
        finally:
            await client.close()
