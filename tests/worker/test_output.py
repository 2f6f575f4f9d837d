"""From token bytes to what is shown: characters, thinking, stop strings. Whatever the tokens, the text is the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from offgrid_tui.engine.contract import Text
from offgrid_tui.engine.worker.output import JOIN_US, Output
from offgrid_tui.engine.worker.thinking import Markers, opened_by


def run(pieces: Sequence[bytes], stops: Sequence[str] = (), opened: Markers | None = None) -> tuple[str, str]:
    """What is shown as (answer, thinking) when the tokens are `pieces`."""
    sent: list[Text] = []
    output = Output("id", stops, opened, 0, sent.append)
    for number, piece in enumerate(pieces):
        if output.push(piece, number):
            break
        output.flush(number, number + 1, JOIN_US + 1)
    output.end(len(pieces), len(pieces))
    assert all(event.text for event in sent)
    answer = "".join(event.text for event in sent if event.channel == "answer")
    return answer, "".join(event.text for event in sent if event.channel == "thinking")


def cuts(text: bytes) -> Iterator[list[bytes]]:
    """The text as one token, byte by byte, and cut at random."""
    yield [text]
    yield [text[i : i + 1] for i in range(len(text))]
    for seed in range(30):
        generator = random.Random(seed)
        pieces, start = [], 0
        while start < len(text):
            end = start + generator.randint(1, 9)
            pieces.append(text[start:end])
            start = end
        yield pieces


@pytest.mark.parametrize(
    ("said", "answer", "thinking"),
    [
        ("plain 🦙 naïve", "plain 🦙 naïve", ""),
        ("<think>\nhm\n</think>\n\nyes", "yes", "hm"),
        ("\n <think>a <b> </thin </think>c</think>", "c</think>", "a <b> </thin"),
        ("<think>\n\n</think>\n\nyes", "yes", ""),
        ("[THINK]x[/THINK] y", "y", "x"),
        ("<|channel>thought\nx\n<channel|>y", "y", "x"),
        ("<thinking>one\n\ntwo</thinking>three", "three", "one\n\ntwo"),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes", "yes", "hm"),
        ("<|channel|>final<|message|>yes", "yes", ""),
        ("I say <think> is a tag </think>", "I say <think> is a tag </think>", ""),
        ("<thi", "<thi", ""),
        ("<table>", "<table>", ""),
        ("<think>never closed ", "", "never closed"),
        ("<think>half a marker </thi", "", "half a marker </thi"),
        ("  leading space", "  leading space", ""),
        ("", "", ""),
    ],
)
def test_thinking_is_split_off_however_it_is_cut(said: str, answer: str, thinking: str) -> None:
    for pieces in cuts(said.encode()):
        assert run(pieces) == (answer, thinking), pieces


def test_thinking_begun_by_the_prompt() -> None:
    opened = opened_by("<|im_start|>assistant\n<think>\n")
    assert opened is not None
    assert opened_by("<|im_start|>assistant\n") is None
    for pieces in cuts(b"so\n</think>\n\nyes"):
        assert run(pieces, opened=opened) == ("yes", "so")


@pytest.mark.parametrize(
    ("said", "stops", "answer"),
    [
        ("one two three", ["two"], "one "),
        ("one two three", ["three", "two"], "one "),
        ("aabaabaac", ["aabaac"], "aab"),
        ("almost END", ["ENDE"], "almost END"),
        ("🦙🦙x", ["🦙x"], "🦙"),
        ("<think>stop here</think>go stop", ["stop"], "go "),
        ("stop", ["stop"], ""),
        ("abc", ["abcd", "bc"], "a"),
    ],
)
def test_stop_strings_are_cut_however_they_come(said: str, stops: list[str], answer: str) -> None:
    for pieces in cuts(said.encode()):
        assert run(pieces, stops)[0] == answer, pieces


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert run([b"a\xff", b"b\xf0\x9f", b"c", b"\xf0\x9f\xa6"])[0] == "a�b�c�"


def test_text_waits_for_more_but_not_for_long() -> None:
    sent: list[Text] = []
    output = Output("id", (), None, 0, sent.append)
    output.push(b"a", 1000)
    output.flush(1000, 1, next_in=5000)
    assert [event.text for event in sent] == ["a"]  # the first at once
    for tokens, now in enumerate(range(6000, 31_000, 5000), start=2):
        output.push(b"b", now)
        output.flush(now, tokens, next_in=5000)
    assert [event.text for event in sent] == ["a"]
    output.push(b"c", 36_000)
    output.flush(36_000, 7, next_in=5000)  # the oldest would be 35 ms old by the next
    assert [event.text for event in sent] == ["a", "bbbbbc"]
    assert sent[-1].tokens == 7
