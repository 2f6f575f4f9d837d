"""Models whose memory is not a plain KV cache: a sliding window forgets, a recurrent state can only grow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from offgrid_tui.engine.contract import Generate, Message, StopReason
from tests.support import models
from tests.support.reference import assert_same_but_for_ties, greedy
from tests.support.worker import GREEDY, OPTIONS, worker
from tests.worker.test_generation import LOGIT_MARGIN, chatml

LONG = "Write about the state of the world. " * 20


@pytest.fixture(scope="module", params=["sliding", "recurrent"])
def kind(request: pytest.FixtureRequest) -> Literal["sliding", "recurrent"]:
    return "sliding" if request.param == "sliding" else "recurrent"


@pytest.fixture(scope="module")
def model(kind: Literal["sliding", "recurrent"], tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Of seven layers of a gemma3, one sees everything.
    return models.random_model(tmp_path_factory.mktemp(kind), kind=kind, layers=7 if kind == "sliding" else 2)


def test_what_was_cached_does_not_change_what_is_said(model: Path) -> None:
    """Questions that repeat, continue, shorten and share beginnings: each is answered as if it were the first."""
    questions = ["Hello", LONG, "Hello", LONG + "And?", LONG, LONG[:200], "Hello there", LONG + "But?", LONG]
    with worker(model) as process:
        for question in questions:
            answer = process.generate(question)
            assert_same_but_for_ties(answer.text, greedy(model, chatml(question), 32), LOGIT_MARGIN)


def test_a_conversation_goes_on_without_reading_it_again(model: Path) -> None:
    """The answer is made of one token, so that it is read as it was written."""
    sampling = replace(GREEDY, max_tokens=8, logit_bias={str(ord("a")): 1000.0})
    talk = (Message("user", LONG),)
    with worker(model) as process:
        first = process.generate(Generate("one", "m", talk, sampling=sampling))
        assert first.text == "aaaaaaaa"
        talk += (Message("assistant", first.text), Message("user", "And?"))
        second = process.generate(Generate("two", "m", talk, sampling=sampling))
        assert second.done.cached_tokens == first.done.prompt_tokens + 7  # the last token said was never read


def test_eight_at_once_say_what_each_says_alone(model: Path) -> None:
    questions = [f"Question {i}. " * (1 + 9 * (i % 3)) for i in range(8)]
    with worker(model) as process:
        ids = [process.ask(question) for question in questions]
        for id, question in zip(ids, questions, strict=True):
            assert_same_but_for_ties(process.answer(id).text, greedy(model, chatml(question), 32), LOGIT_MARGIN)


def test_cancelling_one_does_not_disturb_the_others(model: Path) -> None:
    with worker(model, replace(OPTIONS, batch=1024)) as process:
        kept = process.ask("Go on", replace(GREEDY, max_tokens=400))
        for i in range(8):
            id = process.ask(f"{i} {LONG}")
            process.in_prompt(id)
            process.cancel(id)
            assert process.answer(id).done.stop_reason in (StopReason.CANCELLED, StopReason.LENGTH)
        answer = process.answer(kept)
        assert_same_but_for_ties(answer.text, greedy(model, chatml("Go on"), 400), LOGIT_MARGIN)


def test_more_answers_than_there_is_room_for(model: Path) -> None:
    with worker(model, replace(OPTIONS, context=512, slots=4)) as process:
        questions = [f"{i} is the number of this question" for i in range(5)]
        ids = [process.ask(question, replace(GREEDY, max_tokens=260)) for question in questions]
        for id, question in zip(ids, questions, strict=True):
            answer = process.answer(id)
            assert answer.done.completion_tokens == 260
            assert_same_but_for_ties(answer.text, greedy(model, chatml(question), 260), LOGIT_MARGIN)
