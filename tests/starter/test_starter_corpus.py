"""The corpus of the starter model: the same for the same seed, well formed, and far from the exam."""

from __future__ import annotations

import itertools
import random

import pytest

from offgrid_tui.engine.worker.renderer import make_environment
from tools.starter import heldout
from tools.starter.corpus.conversation import Conversation, assistant, user
from tools.starter.corpus.grammar import Grammar
from tools.starter.corpus.help import Help, facts
from tools.starter.corpus.mixture import SHARES, Mixture
from tools.starter.corpus.noise import as_typed
from tools.starter.corpus.overlap import Guard, Overlap
from tools.starter.judge import parse_call
from tools.starter.template import CHAT_TEMPLATE, render

COUNT = 1500


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return list(Mixture().conversations(COUNT, seed=7))


def test_same_seed_same_corpus_and_another_seed_another(conversations: list[Conversation]) -> None:
    again = [c.to_json() for c in Mixture().conversations(100, seed=7)]
    other = [c.to_json() for c in Mixture().conversations(100, seed=8)]
    first = [c.to_json() for c in conversations[:100]]
    assert again == first
    assert not set(other) & set(first)
    assert {c.kind for c in conversations} == set(SHARES)


def test_a_conversation_survives_the_file(conversations: list[Conversation]) -> None:
    for conversation in conversations[:200]:
        assert Conversation.from_json(conversation.to_json()) == conversation


def test_overlap_with_the_exam_is_bounded(conversations: list[Conversation]) -> None:
    overlap = Overlap()
    for conversation in conversations:
        overlap.add(conversation)
    report = overlap.report()
    assert not report.faults(), report
    assert report.shares[3] > 0, "the counter counts nothing: every corpus shares some three words"


def test_overlap_finds_what_was_smuggled_in() -> None:
    overlap, guard = Overlap(), Guard()
    for question in heldout.questions("help"):
        smuggled = Conversation("chat", (user(question.turns[0]), assistant("…")))
        overlap.add(smuggled)
        assert not guard.allows(smuggled)
    report = overlap.report()
    assert report.verbatim >= len(heldout.questions("help"))
    assert len(report.faults()) == 3, report.faults()


def test_arguments_of_the_exam_never_occur_in_calls(conversations: list[Conversation]) -> None:
    banned = heldout.argument_words()
    assert {"greenhouse", "zx4471k", "/opt/walrus", "8473", "petronella"} <= banned
    for conversation in conversations:
        for message in conversation.messages:
            for call in message.get("tool_calls", ()):
                for value in call["arguments"].values():
                    assert str(value).lower() not in banned
    names = {tool["name"] for conversation in conversations for tool in conversation.tools}
    assert not names & {"dim_lights", "track_parcel"}


def test_every_call_is_valid_for_the_tools_on_offer(conversations: list[Conversation]) -> None:
    calls = 0
    for conversation in conversations:
        for message in conversation.messages:
            if "tool_calls" in message:
                calls += 1
                said = next(text for text, by_assistant in render([message]) if by_assistant)
                parsed, fault = parse_call(said.removesuffix("<|im_end|>"), conversation.tools)
                assert parsed is not None, (fault, conversation)
                assert parsed[1] == message["tool_calls"][0]["arguments"]
    assert calls > COUNT / 10


def test_a_quoted_sentence_stands_in_the_passage_that_is_cited(conversations: list[Conversation]) -> None:
    quoted = 0
    for conversation in conversations:
        if conversation.kind != "passages":
            continue
        prompt, answer = (message["content"] for message in conversation.messages)
        if answer.startswith('"'):
            sentence, number = answer[1:].rsplit('" ', 1)
            passage = next(line for line in prompt.splitlines() if line.startswith(number))
            assert sentence in passage
            quoted += 1
    assert quoted > COUNT / 20


def test_the_template_in_the_file_renders_what_is_trained_on(conversations: list[Conversation]) -> None:
    template = make_environment().from_string(CHAT_TEMPLATE)
    for conversation in conversations[:400]:
        tools = [{"type": "function", "function": tool} for tool in conversation.tools]
        messages = [
            {**m, "tool_calls": [{"id": "1", "type": "function", "function": call} for call in m["tool_calls"]]}
            if "tool_calls" in m
            else m
            for m in conversation.messages
        ]
        values = {"messages": messages, **({"tools": tools} if tools else {})}
        ours = "".join(text for text, _ in render(conversation.messages, conversation.tools))
        assert template.render(**values, add_generation_prompt=False) == ours
        prompt = "".join(text for text, _ in render(conversation.messages, conversation.tools, prompt=True))
        assert template.render(**values, add_generation_prompt=True) == prompt


def test_every_fact_can_be_asked_for_in_many_ways() -> None:
    help_, random_ = Help(), random.Random(3)
    for name in facts():
        asked = {as_typed(help_.question(name, random_), random_) for _ in range(60)}
        assert len(asked) > 30, (name, asked)


def test_grammar_draws_all_of_a_small_language_and_refuses_what_does_not_close() -> None:
    grammar, random_ = Grammar({"end": "(c|d)"}), random.Random(1)
    drawn = {grammar.sample("(a|b|) {end} \\(x\\)", random_) for _ in range(200)}
    assert drawn == {" ".join(filter(None, (a, b, "(x)"))) for a, b in itertools.product(("a", "b", ""), "cd")}
    assert grammar.size("(a|b|) {end}") == 6
    for broken in ("(a|b", "a|b", "a)"):
        with pytest.raises(ValueError):
            grammar.sample(broken, random_)


def test_noise_keeps_what_must_stay_letter_for_letter() -> None:
    random_ = random.Random(2)
    changed = 0
    for _ in range(500):
        typed = as_typed("show me the folder /opt/Zebra-7 and 12 lines", random_, keep=("/opt/Zebra-7", "12", "2"))
        assert "/opt/Zebra-7" in typed and "12" in typed
        changed += typed.lower() != "show me the folder /opt/zebra-7 and 12 lines"
    assert changed > 250
