"""From the question to the disk through everything that is real: host, worker, llama.cpp."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from offgrid_tui.chat.events import AnswerEnded, AnswerGrew, AnswerProgressed, ModelLoaded, TurnAdded
from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.engine.contract import LoadOptions, Sampling
from offgrid_tui.engine.events import EngineBuildProgressed
from offgrid_tui.providers.inference import TASK_NAME
from offgrid_tui.providers.readiness import BuildEvent
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.support.models import RECITATION
from tests.workstation.conftest import LONG_TEXT
from tests.workstation.test_kill import talk_and_die


class Ear:
    """Hears what a workstation tells, and waits for it."""

    def __init__(self, station: Workstation) -> None:
        self.told: list[object] = []
        self._heard = asyncio.Event()
        station.bus.subscribe(object, self._hear)

    def _hear(self, event: object) -> None:
        self.told.append(event)
        self._heard.set()

    async def until(self, fact: Callable[[object], bool]) -> None:
        """Wait for an event of which `fact` holds, from the first on."""
        seen = 0
        async with asyncio.timeout(120):
            while True:
                while seen < len(self.told):
                    seen += 1
                    if fact(self.told[seen - 1]):
                        return
                self._heard.clear()
                await self._heard.wait()

    async def ended(self, turn: Turn) -> Turn:
        await self.until(lambda e: isinstance(e, AnswerEnded) and e.turn.id == turn.id)
        return next(e.turn for e in self.told if isinstance(e, AnswerEnded) and e.turn.id == turn.id)

    def text(self, turn: Turn) -> str:
        return "".join(e.text for e in self.told if isinstance(e, AnswerGrew) and e.turn_id == turn.id)


async def test_a_real_answer(station: Workstation, reciter: Path) -> None:
    ear = Ear(station)
    conversation = await station.chat.create()
    _, answer = await station.chat.ask(conversation.id, "What do you know?", model=str(reciter))
    await ear.until(lambda e: isinstance(e, AnswerGrew))
    assert TASK_NAME in {task.get_name() for task in asyncio.all_tasks()}

    ended = await ear.ended(answer)
    assert ended.state is TurnState.COMPLETE, ended.error
    assert ended.content == ear.text(answer) == RECITATION
    assert (ended.model_name, ended.provider, ended.figures.stop_reason) == ("reciter", "local", "end")
    figures = ended.figures
    assert figures.prompt_tokens and figures.completion_tokens
    for measured in (figures.ttft_ms, figures.prefill_tps, figures.decode_tps, figures.load_ms, figures.context):
        assert measured is not None and measured > 0
    assert figures.layers == 1 and figures.gpu_layers is not None
    assert await station.recent.last() == str(reciter)

    _, second = await station.chat.ask(conversation.id, "And what else?")
    again = await ear.ended(second)
    assert again.content == RECITATION
    assert again.figures.cached_tokens and not again.figures.load_ms
    loaded = [e.loaded.reused for e in ear.told if isinstance(e, ModelLoaded)]
    assert loaded == [False, True]


@pytest.mark.parametrize("stage", ["loading", "prompt", "answer"])
async def test_stop_at_every_stage(station: Workstation, slow_model: Path, stage: str) -> None:
    ear = Ear(station)
    conversation = await station.chat.create()
    question = LONG_TEXT if stage == "prompt" else "Say it."
    _, answer = await station.chat.ask(conversation.id, question, model=str(slow_model))

    def there(event: object) -> bool:
        match event:
            case AnswerProgressed():
                return stage != "answer" and event.phase == stage
            case AnswerGrew():
                return True
        return False

    await ear.until(there)
    assert station.chat.stop(answer.id)
    at = len(ear.told)
    ended = await ear.ended(answer)
    assert ended.state is TurnState.STOPPED
    assert not [e for e in ear.told[at:] if isinstance(e, AnswerProgressed)]
    assert ended.content == ear.text(answer)
    assert LONG_TEXT.startswith(ended.content) and len(ended.content) < len(LONG_TEXT)
    if stage != "answer":  # unless words came before we got round to it
        assert ended.content == "".join(e.text for e in ear.told[:at] if isinstance(e, AnswerGrew))

    async with asyncio.timeout(60):  # the engine itself lets go of it
        while (report := await station.engine.status()) and any(w.running + w.waiting for w in report.workers):
            await asyncio.sleep(0.05)
    assert (await station.chat.branch(conversation.id))[-1] == ended


async def test_questions_wait_for_an_engine_that_is_being_built(
    engine_home: Paths, reciter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = asyncio.Event()

    async def build(publish: Callable[[BuildEvent], None]) -> None:
        publish(EngineBuildProgressed("compiling", 43, 193, 12.5))
        await built.wait()

    monkeypatch.setattr("offgrid_tui.workstation.find_or_build", lambda *_: build)
    station = await Workstation.open(engine_home, load_settings(engine_home))
    try:
        ear = Ear(station)
        asked = []
        for _ in range(2):
            conversation = await station.chat.create()
            asked.append((await station.chat.ask(conversation.id, "Hello", model=str(reciter)))[1])
        for answer in asked:
            await ear.until(
                lambda e, answer=answer: (
                    isinstance(e, AnswerProgressed)  # type: ignore[misc]
                    and (e.turn_id, e.phase, e.fraction, e.elapsed_ms) == (answer.id, "engine", 43 / 193, 12_500)
                )
            )
        assert station.chat.stop(asked[0].id)
        assert (await ear.ended(asked[0])).state is TurnState.STOPPED
        built.set()
        assert (await ear.ended(asked[1])).content == RECITATION
    finally:
        await station.close()


async def test_a_worker_that_dies_in_mid_answer(station: Workstation, slow_model: Path) -> None:
    ear = Ear(station)
    conversation = await station.chat.create()
    _, answer = await station.chat.ask(conversation.id, "Say it.", model=str(slow_model))
    await ear.until(lambda e: isinstance(e, AnswerGrew) and e.tokens > 20)
    report = await station.engine.status()
    assert report is not None and report.workers[0].pid is not None
    os.kill(report.workers[0].pid, signal.SIGKILL)
    failed = await ear.ended(answer)
    assert failed.state is TurnState.FAILED
    assert failed.content == ear.text(answer) and len(failed.content) > 20
    assert failed.error is not None and "SIGKILL" in failed.error and len(failed.error.splitlines()) >= 3

    again = await station.chat.regenerate(conversation.id)
    ended = await ear.ended(again)
    assert (ended.state, ended.content) == (TurnState.COMPLETE, LONG_TEXT)
    assert await station.chat.siblings(again.id) == (failed, ended)


async def test_a_host_that_dies_in_mid_answer(station: Workstation, slow_model: Path) -> None:
    ear = Ear(station)
    conversation = await station.chat.create()
    _, answer = await station.chat.ask(conversation.id, "Say it.", model=str(slow_model))
    await ear.until(lambda e: isinstance(e, AnswerGrew) and e.tokens > 20)
    report = await station.engine.status()
    assert report is not None
    os.kill(report.pid, signal.SIGKILL)
    failed = await ear.ended(answer)
    assert (failed.state, failed.content) == (TurnState.FAILED, ear.text(answer))
    _, second = await station.chat.ask(conversation.id, "Once more.")
    assert (await ear.ended(second)).content == LONG_TEXT


async def test_a_conversation_that_outgrows_the_context_says_both_numbers(
    station: Workstation, random_model: Path
) -> None:
    ear = Ear(station)
    conversation = await station.chat.create()
    _, answer = await station.chat.ask(
        conversation.id, "word " * 400, model=str(random_model), options=LoadOptions(context=256)
    )
    failed = await ear.ended(answer)
    assert failed.state is TurnState.FAILED and failed.error is not None
    assert "256" in failed.error and failed.figures.context == 256
    longer = await station.chat.regenerate(
        conversation.id, options=LoadOptions(context=2048), sampling=Sampling(max_tokens=8)
    )
    assert (await ear.ended(longer)).state is TurnState.COMPLETE


async def test_a_file_that_is_no_model_fails_the_turn_with_a_mend(station: Workstation, tmp_path: Path) -> None:
    ear = Ear(station)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"not a model at all" * 100)
    conversation = await station.chat.create()
    _, answer = await station.chat.ask(conversation.id, "Hello", model=str(bad))
    failed = await ear.ended(answer)
    assert failed.state is TurnState.FAILED and failed.error is not None
    assert len(failed.error.splitlines()) >= 2
    assert await station.recent.list() == ()


async def test_conversations_answer_at_once_in_one_worker(station: Workstation, random_model: Path) -> None:
    ear = Ear(station)
    conversations = [await station.chat.create() for _ in range(4)]
    greedy = Sampling(temperature=0, max_tokens=60)
    asked = await asyncio.gather(
        *(
            station.chat.ask(c.id, f"Question {i}", model=str(random_model), sampling=greedy)
            for i, c in enumerate(conversations)
        )
    )
    for _, answer in asked:
        ended = await ear.ended(answer)
        assert ended.state is TurnState.COMPLETE and ended.content == ear.text(answer)
        assert ended.figures.completion_tokens == 60
    report = await station.engine.status()
    assert report is not None and len(report.workers) == 1


async def test_two_workstations_share_one_worker(station: Workstation, engine_home: Paths, reciter: Path) -> None:
    other = await Workstation.open(engine_home, load_settings(engine_home))
    try:
        ears = Ear(station), Ear(other)
        asked = []
        for place in (station, other):
            conversation = await place.chat.create()
            asked.append(await place.chat.ask(conversation.id, "What do you know?", model=str(reciter)))
        ended = [await ear.ended(answer) for ear, (_, answer) in zip(ears, asked, strict=True)]
        assert [turn.content for turn in ended] == [RECITATION, RECITATION]
        report = await station.engine.status()
        assert report is not None and len(report.workers) == 1 and report.clients == 2
        await ears[1].until(lambda e: isinstance(e, AnswerEnded | TurnAdded) and e.turn == ended[0])
    finally:
        await other.close()


async def test_a_workstation_that_is_killed_leaves_the_host_idle_and_its_text_saved(
    engine_home: Paths, random_model: Path
) -> None:
    asked, told, _ = await talk_and_die(1.0, str(random_model))
    station = await Workstation.open(engine_home, load_settings(engine_home))
    try:
        for conversation, user, answer in asked:
            turns = await station.chat.branch(conversation)
            assert [turn.id for turn in turns] == [user, answer]
            assert turns[1].state in (TurnState.STOPPED, TurnState.COMPLETE)
            assert "".join(text for _, channel, text in told[answer] if channel == "answer").startswith(
                turns[1].content
            )
        async with asyncio.timeout(60):
            while (report := await station.engine.status()) and any(w.running + w.waiting for w in report.workers):
                await asyncio.sleep(0.05)
        assert report is not None and report.clients == 1
    finally:
        await station.close()
