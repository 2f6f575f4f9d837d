"""The InferenceWorker: one task, several jobs, nothing lost, every end typed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from offgrid_tui.engine.contract import (
    Done,
    ErrorCode,
    Event,
    Generate,
    Loaded,
    LoadProgress,
    Message,
    Prefill,
    Text,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.providers.events import GenerationEnded, GenerationStarted
from offgrid_tui.providers.inference import TASK_NAME, InferenceWorker, Job
from tests.support.scripted import Script, ScriptedProvider, crashed


def request(id: str = "r1", model: str = "/models/m.gguf") -> Generate:
    return Generate(id, model, (Message("user", "Hello"),))


@pytest.fixture
async def bus() -> Bus:
    return Bus()


@pytest.fixture
async def worker(bus: Bus) -> AsyncIterator[InferenceWorker]:
    worker = InferenceWorker(bus)
    worker.start()
    yield worker
    await worker.close()


async def collect(job: Job) -> list[Event]:
    return [event async for event in job.events()]


def words(events: list[Event], channel: str = "answer") -> str:
    return "".join(e.text for e in events if isinstance(e, Text) and e.channel == channel)


async def test_an_answer_comes_whole_and_in_order(worker: InferenceWorker) -> None:
    text = "One two three.\n\nFour five six."
    events = await collect(worker.submit(ScriptedProvider(Script(text, thinking="hm, well")), request()))
    kinds = [type(e) for e in events]
    assert words(events) == text
    assert words(events, "thinking") == "hm, well"
    assert kinds.index(LoadProgress) < kinds.index(Loaded) < kinds.index(Prefill) < kinds.index(Text)
    assert kinds[-1] is Done


async def test_it_is_one_task_that_is_found_by_its_name(worker: InferenceWorker) -> None:
    provider = ScriptedProvider("a b c d")
    gate = provider.hold("answer")
    jobs = [worker.submit(provider, request(f"r{i}")) for i in range(3)]
    await gate.reached()
    assert [t.get_name() for t in asyncio.all_tasks()].count(TASK_NAME) == 1
    assert worker.running == 3
    gate.release()
    assert [words(await collect(job)) for job in jobs] == ["a b c d"] * 3
    while worker.running:
        await asyncio.sleep(0)


@pytest.mark.parametrize("stage", ["queued", "loading", "prompt", "thinking", "answer", "done"])
async def test_cancel_ends_a_job_at_any_stage(worker: InferenceWorker, stage: str) -> None:
    provider = ScriptedProvider(Script("a b c d", thinking="e f g h"))
    gate = provider.hold(stage)  # type: ignore[arg-type]
    job = worker.submit(provider, request())
    await gate.reached()
    job.cancel()
    job.cancel()
    came: list[Event] = []
    with pytest.raises(EngineError) as caught:
        async for event in job.events():
            came.append(event)
    assert caught.value.code is ErrorCode.CANCELLED
    assert words(came) == {"answer": "a b ", "done": "a b c d"}.get(stage, "")
    while worker.running:
        await asyncio.sleep(0)
    assert provider.cancelled == ["r1"]


async def test_a_job_cancelled_before_it_began_never_reaches_the_provider(worker: InferenceWorker) -> None:
    provider = ScriptedProvider("a")
    job = worker.submit(provider, request())
    job.cancel()
    with pytest.raises(EngineError):
        await collect(job)
    while worker.running:
        await asyncio.sleep(0)
    assert provider.requests == []


class Stubborn(ScriptedProvider):
    """Does not let go for as long as `patience` says no."""

    def __init__(self) -> None:
        super().__init__("a b")
        self.asked = asyncio.Event()
        self.patience = asyncio.Event()

    async def generate(self, request: Generate) -> AsyncIterator[Event]:
        yield Text(request.id, "first", "answer", 1, 1.0)
        self.asked.set()
        while not self.patience.is_set():
            try:
                await self.patience.wait()
            except asyncio.CancelledError:
                continue
        yield Text(request.id, "late", "answer", 2, 2.0)


async def test_cancel_does_not_wait_for_a_provider_that_holds_on(worker: InferenceWorker) -> None:
    provider = Stubborn()
    job = worker.submit(provider, request())
    await provider.asked.wait()
    job.cancel()
    came: list[Event] = []
    with pytest.raises(EngineError):
        async for event in job.events():
            came.append(event)
    assert words(came) == "first"
    assert not provider.patience.is_set()
    provider.patience.set()


async def test_close_gives_up_on_a_provider_that_holds_on(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    worker = InferenceWorker(bus)
    worker.start()
    provider = Stubborn()
    worker.submit(provider, request())
    await provider.asked.wait()
    await worker.close(deadline=0.05)
    assert "did not end" in caplog.text
    provider.patience.set()
    while worker.running:
        await asyncio.sleep(0)


async def test_close_ends_everything_and_takes_nothing_more(bus: Bus) -> None:
    worker = InferenceWorker(bus)
    worker.start()
    provider = ScriptedProvider("a b c d")
    gate = provider.hold("answer")
    jobs = [worker.submit(provider, request(f"r{i}")) for i in range(4)]
    await gate.reached()
    await worker.close()
    late = worker.submit(provider, request("late"))
    for job in (*jobs, late):
        with pytest.raises(EngineError) as caught:
            await collect(job)
        assert caught.value.code is ErrorCode.CANCELLED
    assert sorted(provider.cancelled) == ["r0", "r1", "r2", "r3"]
    assert TASK_NAME not in [t.get_name() for t in asyncio.all_tasks()]


async def test_errors_reach_the_listener_after_what_came(worker: InferenceWorker) -> None:
    provider = ScriptedProvider([Script("a b c d", fails_after=2), Script("fine again")])
    job, other = worker.submit(provider, request("r1")), None
    came: list[Event] = []
    with pytest.raises(EngineError) as caught:
        async for event in job.events():
            came.append(event)
    assert caught.value.code is ErrorCode.CRASHED
    assert caught.value.log_tail == crashed().log_tail
    assert words(came) == "a b "
    other = worker.submit(provider, request("r2"))
    assert words(await collect(other)) == "fine again"


@pytest.mark.parametrize(
    ("error", "code", "logged"),
    [
        (ZeroDivisionError("boom"), ErrorCode.INTERNAL, True),
        (RefusedError("Off-grid mode is on", mend="Switch it off."), ErrorCode.INTERNAL, False),
        (EngineError(ErrorCode.CONTEXT_OVERFLOW, "Too long"), ErrorCode.CONTEXT_OVERFLOW, False),
    ],
)
async def test_whatever_a_provider_raises_is_typed(
    worker: InferenceWorker, caplog: pytest.LogCaptureFixture, error: Exception, code: ErrorCode, logged: bool
) -> None:
    job = worker.submit(ScriptedProvider(Script("a", fails=error, fails_at="prompt")), request())
    with caplog.at_level(logging.ERROR), pytest.raises(EngineError) as caught:
        await collect(job)
    assert caught.value.code is code
    assert caught.value.mend or code is ErrorCode.CONTEXT_OVERFLOW
    assert ("ZeroDivisionError" in caplog.text) is logged
    if isinstance(error, RefusedError):
        assert (caught.value.title, caught.value.mend) == (error.title, error.mend)


async def test_an_answer_that_just_ends_is_an_error(worker: InferenceWorker) -> None:
    with pytest.raises(EngineError) as caught:
        await collect(worker.submit(ScriptedProvider(Script("a b", breaks_off=True)), request()))
    assert caught.value.code is ErrorCode.PROTOCOL


async def test_leaving_the_loop_cancels_the_job(worker: InferenceWorker) -> None:
    provider = ScriptedProvider("a b c d")
    provider.hold("answer")
    job = worker.submit(provider, request())

    async def listen() -> None:
        async for _ in job.events():
            pass

    listener = asyncio.create_task(listen())
    await provider._gates[0].reached()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    while worker.running:
        await asyncio.sleep(0)
    assert provider.cancelled == ["r1"]


async def test_generations_are_told_on_the_bus(worker: InferenceWorker, bus: Bus) -> None:
    told: list[GenerationStarted | GenerationEnded] = []
    bus.subscribe(GenerationStarted, told.append)
    bus.subscribe(GenerationEnded, told.append)
    provider = ScriptedProvider([Script("a"), Script("b", fails_at="prompt")])
    for i in range(2):
        try:
            await collect(worker.submit(provider, request(f"r{i}")))
        except EngineError:
            pass
        while worker.running:
            await asyncio.sleep(0)
    assert [(type(t), t.request.id, t.running) for t in told] == [
        (GenerationStarted, "r0", 1),
        (GenerationEnded, "r0", 0),
        (GenerationStarted, "r1", 1),
        (GenerationEnded, "r1", 0),
    ]
    assert isinstance(told[1], GenerationEnded) and told[1].done and told[1].done.completion_tokens == 1
    assert isinstance(told[3], GenerationEnded) and told[3].error and told[3].error.code is ErrorCode.CRASHED


async def test_a_slow_listener_loses_nothing(worker: InferenceWorker) -> None:
    text = " ".join(map(str, range(5000)))
    provider = ScriptedProvider(text)
    gate = provider.hold("done")
    job = worker.submit(provider, request())
    await gate.reached()  # everything was said, nothing was read
    gate.release()
    events = await collect(job)
    assert words(events) == text
    assert len(events) < 20
    assert [e for e in events if isinstance(e, Text)][-1].tokens == 5000


async def test_a_prompt_listener_gets_every_piece_by_itself(worker: InferenceWorker) -> None:
    events = await collect(worker.submit(ScriptedProvider("a b c d"), request()))
    assert [e.text for e in events if isinstance(e, Text)] == ["a ", "b ", "c ", "d"]
