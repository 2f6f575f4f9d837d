"""One answer at a time: greedy, sampled, bounded, stopped, counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.engine.contract import (
    Count,
    Counted,
    ErrorCode,
    Generate,
    Message,
    Prefill,
    Reasoning,
    ResponseFormat,
    Sampling,
    StopReason,
    Text,
    Tool,
)
from tests.support import models
from tests.support.reference import assert_same_but_for_ties, greedy
from tests.support.worker import GREEDY, OPTIONS, WorkerProcess, worker
from tools.models.vocabulary import CHATML

LOGIT_MARGIN = 0.05  # of logits with a deviation of 12: less may be a difference of rounding


def chatml(question: str) -> str:
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def test_greedy_says_what_plain_llama_cpp_says(random_worker: WorkerProcess, random_model: Path) -> None:
    for question in ("Hello", "Tell a story about three men", "x" * 600):
        answer = random_worker.generate(question, replace(GREEDY, max_tokens=40))
        assert_same_but_for_ties(answer.text, greedy(random_model, chatml(question), 40), LOGIT_MARGIN)
        assert answer.done.completion_tokens == 40
        assert answer.done.stop_reason is StopReason.LENGTH


def test_greedy_twice_is_the_same_with_and_without_a_cached_prompt(random_worker: WorkerProcess) -> None:
    first = random_worker.generate("Is this the first time?")
    second = random_worker.generate("Is this the first time?")
    assert second.text == first.text
    assert second.done.cached_tokens == first.done.prompt_tokens - 1
    assert second.done.prompt_tokens == first.done.prompt_tokens


def test_a_conversation_goes_on_without_reading_it_again(random_worker: WorkerProcess) -> None:
    talk = [Message("user", "Please write about the state of the world, and take your time.")]
    first = random_worker.generate(Generate("talk-1", "m", tuple(talk), sampling=GREEDY, cache_key="talk"))
    talk += [Message("assistant", "It goes on."), Message("user", "And then?")]
    second = random_worker.generate(Generate("talk-2", "m", tuple(talk), sampling=GREEDY, cache_key="talk"))
    assert second.done.cached_tokens >= first.done.prompt_tokens
    assert second.done.prompt_tokens > second.done.cached_tokens


def test_the_seed_decides_and_is_told(random_worker: WorkerProcess) -> None:
    sampling = Sampling(temperature=5.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=30)
    first = random_worker.generate("Choose", sampling)
    again = random_worker.generate("Choose", replace(sampling, seed=first.done.seed))
    other = random_worker.generate("Choose", replace(sampling, seed=(first.done.seed + 1) % 2**31))
    assert again.text == first.text
    assert again.done.seed == first.done.seed
    assert other.text != first.text


def test_temperature_and_its_filters(random_worker: WorkerProcess) -> None:
    best = random_worker.generate("Choose").text
    hot = Sampling(temperature=50.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=32, seed=3)
    assert random_worker.generate("Choose", hot).text != best
    for only_one in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert random_worker.generate("Choose", replace(hot, **only_one)).text == best
    assert (
        random_worker.generate("Choose", replace(hot, typical_p=0.01)).text
        != random_worker.generate("Choose", hot).text
    )


def test_penalties_and_biases_change_what_is_said(random_worker: WorkerProcess) -> None:
    plain = random_worker.generate("Again and again", replace(GREEDY, max_tokens=60)).text
    for penalty in ({"repetition_penalty": 5.0}, {"frequency_penalty": 50.0}, {"presence_penalty": 50.0}):
        sampling = replace(GREEDY, max_tokens=60, **penalty)
        assert random_worker.generate("Again and again", sampling).text != plain
    biased = random_worker.generate("Again", replace(GREEDY, max_tokens=5, logit_bias={str(ord("!")): 1000.0}))
    assert biased.text == "!!!!!"
    banned = replace(GREEDY, max_tokens=5, logit_bias={str(ord("!")): 1000.0, str(ord("?")): 900.0})
    penalised = random_worker.generate("Again", replace(banned, presence_penalty=100.0, frequency_penalty=100.0))
    assert set(penalised.text) == {"!", "?"}


def test_figures_are_consistent(random_worker: WorkerProcess) -> None:
    answer = random_worker.generate("A question of some length, so that there is something to read", GREEDY)
    done = answer.done
    texts = [event for event in answer.events if isinstance(event, Text)]
    prefills = [event for event in answer.events if isinstance(event, Prefill)]
    assert texts[-1].tokens == done.completion_tokens == 32
    assert [text.tokens for text in texts] == sorted(text.tokens for text in texts)
    assert prefills[0].done == prefills[0].cached == done.cached_tokens
    assert prefills[-1].done == prefills[-1].total == done.prompt_tokens
    assert done.ttft_ms is not None
    assert done.queue_ms + done.prefill_ms <= done.ttft_ms <= texts[0].elapsed_ms
    assert done.ttft_ms + done.decode_ms <= texts[-1].elapsed_ms + 0.01
    assert done.decode_tps is not None and done.decode_tps > 0


def test_the_context_is_the_limit(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, context=256)) as process:
        full = process.generate("Hello", replace(GREEDY, max_tokens=None))
        assert full.done.stop_reason is StopReason.CONTEXT
        assert full.done.prompt_tokens + full.done.completion_tokens == 256
        error = process.generate("word " * 400).error
        assert error.code is ErrorCode.CONTEXT_OVERFLOW
        assert error.data["context"] == 256
        assert error.data["prompt_tokens"] > 400
        assert str(error.data["prompt_tokens"]) in error.detail
        assert process.generate("Hello").done.completion_tokens == 32


def test_a_text_is_recited_exactly(tmp_path: Path) -> None:
    text = "\x1b[31mred\x1b[0m \x1b]52;c;eA==\x07 🦙🏽 a‮b " + "long" * 100 + " end\n"
    pieces = [
        b"\x1b[31mred\x1b[0m \x1b]52;c;eA==\x07 ",
        b"\xf0\x9f",
        b"\xa6\x99\xf0",
        b"\x9f\x8f",
        b"\xbd",
        " a‮b ".encode(),
    ]
    pieces += [b"long" * 100, b" end\n"]
    model = models.reciter_model(tmp_path, text, pieces=pieces)
    with worker(model) as process:
        answer = process.generate("Say it", Sampling(max_tokens=None))
        assert answer.text == text
        assert answer.done.stop_reason is StopReason.END
        assert answer.done.completion_tokens == len(pieces)
        assert "�" not in "".join(event.text for event in answer.events if isinstance(event, Text))


def test_special_tokens_are_not_shown_and_end_the_turn(reciter: Path) -> None:
    with worker(reciter) as process:
        answer = process.generate("Say it", Sampling())
        assert answer.text == models.RECITATION
        assert answer.done.stop_reason is StopReason.END


def test_thinking_is_a_channel_of_its_own(tmp_path: Path) -> None:
    model = models.reciter_model(tmp_path, "The answer.", thinking="First this,\nthen that.")
    with worker(model) as process:
        answer = process.generate("Say it")
        assert answer.thinking == "First this,\nthen that."
        assert answer.text == "The answer."
        assert 0 < answer.done.thinking_tokens < answer.done.completion_tokens


def test_thinking_can_be_switched_off_where_the_template_has_a_switch(tmp_path: Path) -> None:
    switch = "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    with worker(models.random_model(tmp_path, template=CHATML + switch)) as process:
        on = process.generate("Hello", reasoning=Reasoning("on"))
        off = process.generate("Hello", reasoning=Reasoning("off"))
        auto = process.generate("Hello")
        assert on.done.prompt_tokens == auto.done.prompt_tokens < off.done.prompt_tokens
        assert off.done.thinking_tokens == 0
    with worker(models.random_model(tmp_path, template=CHATML + "{{ '<think>\n' }}")) as process:
        answer = process.generate("Hello")  # the prompt has begun to think, and this model never stops
        assert answer.text == "" and len(answer.thinking) > 0
        assert answer.done.thinking_tokens == answer.done.completion_tokens
        assert process.generate("Hello", reasoning=Reasoning("off")).error.code is ErrorCode.UNSUPPORTED


def test_stop_strings_end_the_answer(tmp_path: Path) -> None:
    pieces = ["one ", "tw", "o thr", "ee fo", "ur five"]
    with worker(models.reciter_model(tmp_path, "", pieces=pieces)) as process:
        answer = process.generate("Count", Sampling(stop=("three four", "never")))
        assert answer.text == "one two "
        assert answer.done.stop_reason is StopReason.STOP_STRING
        assert answer.done.stop == "three four"
        assert process.generate("Count", Sampling(stop=("five six",))).text == "".join(pieces)


def test_an_answer_can_be_continued(random_worker: WorkerProcess) -> None:
    whole = random_worker.generate("Begin", replace(GREEDY, logit_bias={str(ord("a")): 300.0}, max_tokens=8))
    assert whole.text == "aaaaaaaa"
    messages = (Message("user", "Begin"), Message("assistant", "aaaa"))
    begun = Generate("continued", "m", messages, sampling=GREEDY, continue_last=True)
    assert random_worker.generate(begun).done.prompt_tokens == whole.done.prompt_tokens + 4


def test_count_is_what_is_sent(random_worker: WorkerProcess) -> None:
    messages = (Message("system", "Be brief."), Message("user", "Hello there, what is new?"))
    random_worker.send(Count("count", "m", messages))
    counted = random_worker.wait_event(Counted, "count")
    assert (
        random_worker.generate(Generate("counted", "m", messages, sampling=GREEDY)).done.prompt_tokens == counted.tokens
    )


@pytest.mark.parametrize(
    ("feature", "fields"),
    [
        ("n", {"n": 2}),
        ("tools", {"tools": (Tool("now", "the time", {"type": "object"}),)}),
        ("response_format", {"response_format": ResponseFormat("json")}),
        ("budget", {"reasoning": Reasoning(budget=10)}),
        ("reasoning", {"reasoning": Reasoning("on")}),
    ],
)
def test_what_does_not_work_is_refused_by_name(
    random_worker: WorkerProcess, feature: str, fields: dict[str, object]
) -> None:
    error = random_worker.generate("Hello", **fields).error
    assert error.code is ErrorCode.UNSUPPORTED
    assert feature in error.title


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -1.0},
        {"top_p": 1.5},
        {"top_k": -1},
        {"min_p": 1e300},
        {"repetition_penalty": 0.0},
        {"penalty_window": -1},
        {"penalty_window": 2**40},
        {"seed": 2**32 - 1},
        {"seed": -1},
        {"max_tokens": 0},
        {"stop": ("",)},
        {"stop": ("x",) * 65},
        {"logit_bias": {"999999": 1.0}},
        {"logit_bias": {"-1": 1.0}},
        {"logit_bias": {"one": 1.0}},
    ],
)
def test_parameters_that_would_break_llama_cpp_are_refused(
    random_worker: WorkerProcess, bad: dict[str, object]
) -> None:
    error = random_worker.generate("Hello", replace(GREEDY, **bad)).error
    assert error.code is ErrorCode.BAD_REQUEST
    assert next(iter(bad)) in error.detail or "stop string" in error.detail


def test_odd_but_legal_parameters(random_worker: WorkerProcess) -> None:
    for odd in (
        {"temperature": 1e-9},
        {"temperature": 100.0, "top_k": 2**31 - 1},
        {"top_p": 0.0},
        {"typical_p": 0.0},
        {"penalty_window": 0, "repetition_penalty": 2.0},
        {"penalty_window": 2**20, "repetition_penalty": 0.01},
        {"logit_bias": {str(i): -1e30 for i in range(256)}},
        {"logit_bias": {str(i): 3e38 for i in range(256)}, "temperature": 1.0},
    ):
        sampling = replace(Sampling(temperature=0.7, max_tokens=4), **odd)
        assert random_worker.generate("Hello", sampling).done.completion_tokens == 4, odd


def test_messages_of_odd_content(random_worker: WorkerProcess) -> None:
    for content in ("", "\x00", "<|im_end|>" * 20, "🦙" * 100, "a" * 1500, "\ud800", "\n" * 300):
        assert random_worker.generate(content).done.completion_tokens == 32
    nothing = random_worker.generate(Generate("nothing", "m", ())).error
    assert nothing.code is ErrorCode.BAD_REQUEST
