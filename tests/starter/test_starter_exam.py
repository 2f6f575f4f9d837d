"""The held-out questions and their judge, and the facts that docs, help and model share."""

from __future__ import annotations

import json
import re

import pytest

from tools.starter import heldout
from tools.starter.corpus.help import facts
from tools.starter.heldout import Question
from tools.starter.judge import holds, is_refusal, judge, loops, parse_call, wilson

SAYS = [say for fact in facts().values() for say in fact.say]


def test_the_exam_is_as_large_as_its_readme_says() -> None:
    readme = (heldout.FOLDER / "README.md").read_text("utf-8")
    everything = heldout.everything()
    assert len(everything) >= 400
    assert f"{len(everything)} questions" in readme
    assert len({question.turns for question in everything if not question.called}) == len(
        [question for question in everything if not question.called]
    ), "a question stands there twice"


@pytest.mark.parametrize("kind", ["help", "known"])
def test_every_question_about_offgrid_is_answered_by_a_fact(kind: str) -> None:
    for question in heldout.questions(kind):
        assert any(judge(question, say).right for say in SAYS), question
        if question.need:
            wrong = [say for say in SAYS if not judge(question, say).right]
            assert len(wrong) > len(SAYS) / 2, f"{question} is answered by nearly everything"


def test_facts_are_short_unique_and_name_their_key_and_command() -> None:
    assert len(set(SAYS)) == len(SAYS)
    for fact in facts().values():
        for say in fact.say:
            assert say[-1] in ".!" and len(say.split()) <= 45, say
            assert not is_refusal(say), say
            if fact.command:
                assert fact.command in say, (fact.name, say)
        if fact.key:
            said = " ".join(fact.say)
            assert f"`{fact.key}`" in said, fact


def test_answers_of_the_exam_are_right_by_its_own_judge() -> None:
    for question in heldout.questions("passages"):
        source = question.passages[(question.cite or 1) - 1]
        sentences = re.split(r"(?<=[.;:?!])\s+", source)
        assert any(judge(question, f'"{sentence}" [{question.cite}]').right for sentence in sentences), question
        assert not judge(question, f'"{sentences[0]}" [3]').right
        if len(sentences) > 1:
            assert not judge(question, f"{source} [{question.cite}]").right
    for question in heldout.questions("memory"):
        told = question.turns[0]
        assert judge(question, told).right and not judge(question, "I have forgotten it.").right, question
    for question in heldout.questions("tools"):
        if question.called:
            assert not judge(question, "Done.", heldout.tools()).right


def test_calls_of_the_exam_are_valid_and_right_by_its_own_judge() -> None:
    tools = heldout.tools()
    for question in heldout.questions("tools"):
        if question.call and question.called is None:
            for arguments in question.arguments:
                said = f"<tool_call>{json.dumps({'name': question.call, 'arguments': arguments})}</tool_call>"
                verdict = judge(question, said, tools)
                assert verdict.right and verdict.valid, (question, verdict)
            assert not judge(question, "Let me see.", tools).right


CALCULATE = Question("tools", ("2 times 3",), call="calculator", arguments=({"expression": "2 * 3"},))


@pytest.mark.parametrize(
    ("answer", "valid", "right"),
    [
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2*3"}}</tool_call>', True, True),
        ('<tool_call>\n{"name": "calculator", "arguments": {"expression": "3 × 2"}}\n</tool_call>', True, True),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "6"}}</tool_call>', True, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2 + 3"}}</tool_call>', True, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2 * 3 * x"}}</tool_call>', True, False),
        ('<tool_call>{"name": "clock", "arguments": {}}</tool_call>', True, False),
        ('<tool_call>{"name": "calculator", "arguments": {}}</tool_call>', False, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": 6}}</tool_call>', False, False),
        ('<tool_call>{"name": "sums", "arguments": {"expression": "2*3"}}</tool_call>', False, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2*3"}</tool_call>', False, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2*3"}}</tool_call> There.', False, False),
        ('<tool_call>{"name": "calculator", "arguments": {"expression": "2*3"}}', False, False),
        ("6", False, False),
    ],
)
def test_tool_calls_are_judged_strictly(answer: str, valid: bool, right: bool) -> None:
    verdict = judge(CALCULATE, answer, heldout.tools())
    assert (verdict.valid, verdict.right) == (valid, right)
    assert (parse_call(answer, heldout.tools())[0] is not None) == valid


@pytest.mark.parametrize(
    ("pattern", "answer", "expected"),
    [
        ("key:ctrl+p", "Press `ctrl+p` now.", True),
        ("key:ctrl+p", "Use Control-P.", True),
        ("key:ctrl+p", "Use ctrl+pause.", False),
        ("key:b", "In Metrics, `B` runs it.", False),
        ("key:B", "In Metrics, `B` runs it.", True),
        ("key:a", "Press a key with a hat.", False),
        ("key:a", "Press a to go on.", True),
        ("key:?|key:f1", "F1: press `F1`.", True),
        ("palette|key:f2", "It is in the Palette.", True),
        ("palette|key:f2", "It is nowhere.", False),
        (r"\bno\b", "Nothing.", False),
    ],
)
def test_needs_are_found(pattern: str, answer: str, expected: bool) -> None:
    assert holds(pattern, answer) is expected


def test_refusals_are_told_from_answers() -> None:
    outside = Question("outside", ("who?",))
    assert judge(outside, "I don't know that. Get a real model: press `1`.").right
    assert not judge(outside, "I don't know that.").right
    assert not judge(outside, "Napoleon. For more, get a real model.").right
    known = Question("known", ("how do i quit?",), ("key:ctrl+q",))
    assert not judge(known, "I don't know, maybe `ctrl+q`.").right


def test_loops_are_found() -> None:
    assert loops("and so on and so on and so on and so on")
    assert loops("a " * 30)
    assert loops("xyz" * 40)
    assert not loops("There are five screens: `1` Catalog, `2` Downloads, `3` Chat, `4` Agents, `5` Metrics.")
    assert not any(loops(say) for say in SAYS)


def test_wilson_interval_has_the_known_values() -> None:
    low, high = wilson(81, 263)  # R. G. Newcombe, 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == 1.0
