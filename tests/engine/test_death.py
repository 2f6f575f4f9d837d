"""Processes die: workers and hosts, by faults of their own or from outside, at any moment. Nothing that was shown is
lost, the error says what happened, and the next question is answered."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import Error, ErrorCode, Event, LoadProgress, Text
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.system.paths import Paths
from tests.engine.asking import answer, question, words
from tests.engine.conftest import LONG_TEXT, alive, eventually, processes_of, workers_of

ROUNDS = 50
_MENDS = {ErrorCode.CRASHED, ErrorCode.LOAD_FAILED}


async def pids(client: EngineClient) -> tuple[int, int | None]:
    """The host's process and its worker's."""
    report = await client.status()
    assert report is not None
    return report.pid, next((worker.pid for worker in report.workers), None)


async def test_death_at_random_moments_loses_nothing(
    client: EngineClient, engine_home: Paths, long_reciter: Path
) -> None:
    """Fifty times SIGKILL or SIGSEGV, to the worker or the host, while an answer loads or runs. Three deaths of the
    worker are allowed between two of the host, which begins to count anew."""
    chance = random.Random(20)
    worker_deaths = interrupted = 0
    for _ in range(ROUNDS):
        came: list[Event] = []
        asking = asyncio.create_task(collect(client, long_reciter, came))
        await asyncio.sleep(chance.random() * 0.6)
        with contextlib.suppress(EngineError):
            host, worker = await pids(client)
            number = chance.choice((signal.SIGKILL, signal.SIGSEGV))
            if worker is not None and worker_deaths < 3 and chance.random() < 0.75:
                worker_deaths += 1
                os.kill(worker, number)
            else:
                worker_deaths = 0
                os.kill(host, number)
        try:
            await asking
            assert words(came) == LONG_TEXT
        except EngineError as error:
            interrupted += 1
            assert error.code in _MENDS, error
            assert error.mend
            assert LONG_TEXT.startswith(words(came))
    assert interrupted >= ROUNDS // 4, "hardly anything was interrupted"
    host, _ = await pids_after_answer(client, long_reciter)
    await eventually(lambda: len(workers_of(engine_home)) == 1)
    assert alive({host}) and len(processes_of(engine_home, r"offgrid_tui\.engine\.host")) == 1


async def pids_after_answer(client: EngineClient, model: Path) -> tuple[int, int | None]:
    assert words(await answer(client, question(model))) == LONG_TEXT
    return await pids(client)


async def collect(client: EngineClient, model: Path, came: list[Event]) -> None:
    async for event in client.generate(question(model)):
        came.append(event)


async def fail_in_answer(
    client: EngineClient, model: Path, number: signal.Signals, *, host: bool = False
) -> EngineError:
    """Kill the worker, or the host, once text has come; returns the error, after checking what came."""
    came: list[Event] = []
    with pytest.raises(EngineError) as caught:
        async for event in client.generate(question(model)):
            came.append(event)
            if isinstance(event, Text) and len(words(came)) == len(event.text):
                os.kill([process for process in await pids(client) if process][0 if host else 1], number)
    assert words(came) and LONG_TEXT.startswith(words(came))
    return caught.value


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda n: n.name)
async def test_a_worker_that_dies_is_named_with_its_signal(
    client: EngineClient, long_reciter: Path, number: signal.Signals
) -> None:
    error = await fail_in_answer(client, long_reciter, number)
    assert error.code is ErrorCode.CRASHED
    assert number.name in error.detail
    assert error.mend
    assert error.log_tail, "what the worker printed last stands beside it"
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_all_who_shared_the_worker_learn_of_its_death(client: EngineClient, long_reciter: Path) -> None:
    answers = [asyncio.create_task(answer(client, question(long_reciter))) for _ in range(3)]
    bystander = fail_in_answer(client, long_reciter, signal.SIGKILL)
    await bystander
    ends = await asyncio.gather(*answers, return_exceptions=True)
    for end in ends:
        assert isinstance(end, list) or (isinstance(end, EngineError) and end.code is ErrorCode.CRASHED)


async def test_a_host_that_dies_takes_its_workers_along_and_is_started_again(
    client: EngineClient, engine_home: Paths, long_reciter: Path
) -> None:
    await answer(client, question(long_reciter, max_tokens=1))
    before = processes_of(engine_home)
    error = await fail_in_answer(client, long_reciter, signal.SIGKILL, host=True)
    assert error.code is ErrorCode.CRASHED and error.mend
    await eventually(lambda: not alive(before))
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_death_while_loading(client: EngineClient, long_reciter: Path) -> None:
    with pytest.raises(EngineError) as caught:
        async for event in client.generate(question(long_reciter)):
            if isinstance(event, LoadProgress):
                while (worker := (await pids(client))[1]) is None:
                    await asyncio.sleep(0)
                os.kill(worker, signal.SIGKILL)
    assert caught.value.code is ErrorCode.CRASHED
    assert "SIGKILL" in caught.value.detail
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_a_model_that_keeps_dying_is_not_loaded_for_ever(client: EngineClient, long_reciter: Path) -> None:
    for _ in range(4):
        await fail_in_answer(client, long_reciter, signal.SIGSEGV)
    with pytest.raises(EngineError) as caught:
        await answer(client, question(long_reciter))
    assert caught.value.code is ErrorCode.RESTART_BUDGET
    assert "offgrid stop" in caught.value.mend
    assert await client.stop_host(), "which forgets the count"
    assert words(await answer(client, question(long_reciter))) == LONG_TEXT


async def test_a_worker_ends_when_its_host_is_gone_even_while_loading(
    client: EngineClient, engine_home: Paths, long_reciter: Path
) -> None:
    with pytest.raises(EngineError):
        async for _ in client.generate(question(long_reciter)):
            os.kill((await pids(client))[0], signal.SIGKILL)
    await eventually(lambda: not processes_of(engine_home))


def test_errors_of_a_dead_worker_travel_whole() -> None:
    error = EngineError(ErrorCode.CRASHED, "t", detail="d", mend="m", data={"returncode": -9}, log_tail=("a", "b"))
    event = error.to_event("x")
    assert isinstance(event, Error)
    back = EngineError.from_event(event)
    assert (back.code, back.title, back.detail, back.mend) == (error.code, "t", "d", "m")
    assert (back.data, back.log_tail) == ({"returncode": -9}, ("a", "b"))
