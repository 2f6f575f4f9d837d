"""Many answers at once: they share each step, and none notices the others but by the clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from offgrid_tui.engine.contract import Done, Event, Prefill, StopReason, Text
from tests.support.reference import assert_same_but_for_ties, greedy
from tests.support.worker import GREEDY, OPTIONS, worker
from tests.worker.test_generation import LOGIT_MARGIN, chatml

QUESTIONS = [
    "Hello",
    "Count from one to ten, please",
    "What is the state of the world?",
    "Write a story about three men and a year at work. " * 12,
    "x",
    "Tell me about your life " * 30,
    "?",
    "system user assistant " * 40,
]


def test_eight_at_once_say_what_each_says_alone(random_model: Path) -> None:
    with worker(random_model) as process:
        ids = [process.ask(question, replace(GREEDY, max_tokens=64)) for question in QUESTIONS]
        together = [process.answer(id) for id in ids]
    assert max(answer.done.shared_with for answer in together) >= 4
    for question, answer in zip(QUESTIONS, together, strict=True):
        assert_same_but_for_ties(answer.text, greedy(random_model, chatml(question), 64), LOGIT_MARGIN)


def test_more_than_there_are_slots_wait_for_one(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, slots=2)) as process:
        ids = [process.ask(f"Question {i}") for i in range(9)]
        answers = [process.answer(id) for id in ids]
        assert {answer.done.stop_reason for answer in answers} == {StopReason.LENGTH}
        assert max(answer.done.shared_with for answer in answers) == 1
        assert answers[-1].done.queue_ms > answers[0].done.queue_ms


def test_a_shared_beginning_is_read_once(random_model: Path) -> None:
    preamble = "You are one of several who work on this question. " * 20
    with worker(random_model) as process:
        first = process.generate(preamble + "first", replace(GREEDY, max_tokens=100))
        ids = [process.ask(f"{preamble}{name}") for name in ("second", "third", "fourth")]
        for id, name in zip(ids, ("second", "third", "fourth"), strict=True):
            answer = process.answer(id)
            assert answer.done.cached_tokens > first.done.prompt_tokens - 20
            assert_same_but_for_ties(answer.text, greedy(random_model, chatml(preamble + name), 32), LOGIT_MARGIN)
        # They did not take the first one's cache away.
        assert process.generate(preamble + "first").done.cached_tokens == first.done.prompt_tokens - 1


def test_the_beginning_is_taken_from_an_answer_that_still_runs(random_model: Path) -> None:
    preamble = "You are one of several who work on this question. " * 20
    with worker(random_model) as process:
        running = process.ask(preamble + "first", replace(GREEDY, max_tokens=1500))
        process.first_text(running)
        second = process.generate(preamble + "second")
        assert second.done.cached_tokens > 500
        assert second.done.shared_with == 1
        assert_same_but_for_ties(second.text, greedy(random_model, chatml(preamble + "second"), 32), LOGIT_MARGIN)
        process.cancel(running)
        assert process.answer(running).done.stop_reason is StopReason.CANCELLED


def test_a_full_cache_makes_answers_wait_and_none_is_lost(random_model: Path) -> None:
    """Four answers that need 300 cells each, in a cache of 512: they take turns, and say what each says alone."""
    with worker(random_model, replace(OPTIONS, context=512, slots=4)) as process:
        questions = [f"{i} is the number of this question" for i in range(4)]
        ids = [process.ask(question, replace(GREEDY, max_tokens=260)) for question in questions]
        for id, question in zip(ids, questions, strict=True):
            answer = process.answer(id)
            assert answer.done.completion_tokens == 260
            assert_same_but_for_ties(answer.text, greedy(random_model, chatml(question), 260), LOGIT_MARGIN)


def test_idle_conversations_give_way(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, context=512, slots=4)) as process:
        for i in range(12):
            assert process.generate(f"{i} " + "word " * 150).done.stop_reason is StopReason.LENGTH


def test_a_conversation_that_gave_way_comes_back_without_reading_it_again(random_model: Path) -> None:
    first, second = "one " * 150, "two " * 150
    with worker(random_model, replace(OPTIONS, context=512, slots=2)) as process:
        before = process.generate(first)
        for question in (second, first, second, first):
            answer = process.generate(question)
            expected = before.done.prompt_tokens - 1 if question == first else answer.done.cached_tokens
            assert answer.done.cached_tokens == expected
            assert_same_but_for_ties(answer.text, greedy(random_model, chatml(question), 32), LOGIT_MARGIN)


def test_a_long_prompt_does_not_stall_running_answers(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, context=16_384)) as process:
        running = process.ask("Go on", replace(GREEDY, max_tokens=8000))
        process.first_text(running)
        long = process.ask("All of it " * 700, GREEDY)
        process.answer(long)
        process.cancel(running)
        process.answer(running)

        def during(events: list[Event]) -> list[int]:
            """Tokens the running answer had got at each event of it while the long prompt was read."""
            reading = [i for i, e in enumerate(events) if isinstance(e, Prefill) and e.id == long]
            between = events[reading[0] : reading[-1]]
            return [e.tokens for e in between if isinstance(e, Text) and e.id == running]

        tokens = process.wait_for(during)
        assert len(tokens) >= 3
        assert tokens[-1] > tokens[0]


def test_who_talks_to_a_person_goes_first(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, slots=1)) as process:
        background = process.ask("Summarise all", replace(GREEDY, max_tokens=1200), priority="background")
        process.first_text(background)
        waiting = process.ask("Work", priority="normal")
        person = process.ask("Hello", priority="interactive")
        for id in (background, waiting, person):
            process.answer(id)
        ended = [event.id for event in process.events if isinstance(event, Done)]
        assert ended == [person, waiting, background]
        done = process.answer(background).done
        assert done.completion_tokens == 1200
        assert done.queue_ms > 0
