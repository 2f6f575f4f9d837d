"""An answer can be stopped at every moment, and the others do not notice."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.engine.contract import Cancel, ErrorCode, Load, LoadProgress, Ok, Ping, Prefill, StopReason
from tests.support import models
from tests.support.reference import assert_same_but_for_ties, greedy
from tests.support.worker import GREEDY, OPTIONS, Answer, WorkerProcess, worker
from tests.worker.test_generation import LOGIT_MARGIN, chatml


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prompt of a thousand tokens takes it seconds."""
    return models.reciter_model(tmp_path_factory.mktemp("slow"), "Slowly.", layers=6, width=1024, name="slow")


def test_in_mid_prompt(slow_model: Path) -> None:
    options = replace(OPTIONS, batch=1024)  # one batch holds the whole prompt: only an abort ends it early
    with worker(slow_model, options) as process:
        id = process.ask("Read this. " * 90)
        assert process.in_prompt(id).done == 0
        process.cancel(id)
        answer = process.answer(id)
        assert answer.done.stop_reason is StopReason.CANCELLED
        assert answer.done.completion_tokens == 0
        assert answer.done.ttft_ms is None
        assert max(event.done for event in answer.events if isinstance(event, Prefill)) < answer.done.prompt_tokens
        assert process.generate("Now?").text == "Slowly."


def test_in_the_answer(random_worker: WorkerProcess) -> None:
    id = random_worker.ask("Go on", replace(GREEDY, max_tokens=2000))
    random_worker.first_text(id)
    random_worker.cancel(id)
    done = random_worker.answer(id).done
    assert done.stop_reason is StopReason.CANCELLED
    assert 0 < done.completion_tokens < 2000
    assert len(random_worker.answer(id).text) > 0


def test_in_the_queue(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, slots=1)) as process:
        running = process.ask("Go on", replace(GREEDY, max_tokens=1900))
        waiting = process.ask("And me?")
        process.first_text(running)
        process.cancel(waiting)
        done = process.answer(waiting).done
        assert done.stop_reason is StopReason.CANCELLED
        assert done.completion_tokens == 0
        process.cancel(running)
        assert process.answer(running).done.completion_tokens > 0


def test_before_the_model_is_there(random_model: Path) -> None:
    with worker() as process:
        id = process.ask("Too early")
        process.cancel(id)
        assert process.answer(id).done.stop_reason is StopReason.CANCELLED
        early = process.ask("Early, and patient")
        process.load(random_model)
        assert process.answer(early).done.completion_tokens == 32


def test_while_loading(slow_model: Path) -> None:
    with worker() as process:
        process.send(Load("load", str(slow_model), OPTIONS), Cancel("load"))
        error = process.answer("load").error
        assert error.code is ErrorCode.CANCELLED
        assert process.wait_end() == 0
        assert not any(isinstance(event, LoadProgress) and event.phase == "warm-up" for event in process.events)


def test_what_has_ended_or_never_was(random_worker: WorkerProcess) -> None:
    ended = random_worker.ask("Short", replace(GREEDY, max_tokens=1))
    random_worker.answer(ended)
    random_worker.cancel(ended)
    random_worker.cancel("nobody")
    random_worker.send(Ping("after"))
    random_worker.wait_event(Ok, "after")
    finals = [event for event in random_worker.events if getattr(event, "id", None) in (ended, "nobody")]
    assert finals == random_worker.answer(ended).events


def test_the_others_do_not_notice(slow_model: Path) -> None:
    """A prompt in the same batch is cancelled again and again; the batch is run anew for the rest."""
    with worker(slow_model, replace(OPTIONS, batch=512)) as process:
        kept = process.ask("The one that stays. " * 40)
        for i in range(6):
            other = process.ask(f"{i}: one that goes. " * 30)
            process.in_prompt(other)
            process.cancel(other)
            assert process.answer(other).done.stop_reason is StopReason.CANCELLED
        assert process.answer(kept).text == "Slowly."


def test_a_storm(random_model: Path) -> None:
    """Two hundred requests, most cancelled at random moments: each ends exactly once, none says another's words."""
    generator = random.Random(5)
    with worker(random_model, replace(OPTIONS, slots=4)) as process:
        wanted: dict[str, str] = {}
        for i in range(200):
            question = f"Question {i % 7} " + "and more " * generator.randint(0, 40)
            id = process.ask(question, replace(GREEDY, max_tokens=24))
            if generator.random() < 0.25:
                wanted[id] = question
            else:
                if generator.random() < 0.5:
                    process.in_prompt(id)  # else it is cancelled while it waits
                process.cancel(id)
        answers = {f"g{i}": process.answer(f"g{i}") for i in range(200)}
        reference: dict[str, list[object]] = {}
        for id, question in wanted.items():
            check_greedy(answers[id], random_model, question, reference)
        assert {answer.done.stop_reason for answer in answers.values()} <= {StopReason.CANCELLED, StopReason.LENGTH}
        finals = [event.id for event in process.events if type(event).__name__ in ("Done", "Error")]
        assert sorted(finals) == sorted(answers)


def check_greedy(answer: Answer, model: Path, question: str, known: dict[str, list[object]]) -> None:
    if question not in known:
        known[question] = greedy(model, chatml(question), 24)  # type: ignore[assignment]
    assert_same_but_for_ties(answer.text, known[question], LOGIT_MARGIN)  # type: ignore[arg-type]
