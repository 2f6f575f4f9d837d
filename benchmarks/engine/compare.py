"""The comparisons themselves. Each adds rows to a report; who `theirs` are is the caller's affair."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.ours import Ours
from benchmarks.measure import PATIENCE, Measured, Series, take_turns
from benchmarks.others import Others
from benchmarks.prompts import words
from benchmarks.report import Goal, Report, Row
from offgrid_tui.engine.contract import Message

AS_FAST = Goal("at least", 0.98)
SOON = Goal("below", 200.0)  # ms: what a key press may take

AnswerOnce = Callable[[tuple[Message, ...], int, int], Coroutine[Any, Any, object]]
"""Answers messages with exactly so many tokens, by a seed."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is asked of everybody."""

    prompt: int = 512  # tokens
    decode: int = 64
    prefix: int = 512  # shared by several sequences
    tail: int = 16  # words that are each one's own
    long_prompt: int = 3072  # to be cancelled in
    rounds: int = 5


async def one_sequence(
    report: Report,
    section: str,
    ours: Ours,
    peers: Mapping[str, Callable[[], Awaitable[Measured]]],
    sizes: Sizes,
    *,
    goal: bool = True,
) -> None:
    """Prefill and decode of one sequence against each of `peers`, who give prefill_tps and decode_tps.

    Args:
        goal: whether there is one, for the first peer, which has our terms; the others are for information.
    """

    async def answer(turn: int) -> Measured:
        messages = await ours.prompt(sizes.prompt, seed=_seed(section, turn))  # new in every round: nothing is cached
        got = await ours.answer(messages, sizes.decode)
        return {"prefill_tps": got.prefill_tps, "decode_tps": got.decode_tps, "ttft_ms": 1000 * got.first}

    results = await take_turns(
        sizes.rounds, {"ours": answer, **{name: _without_turn(peer) for name, peer in peers.items()}}
    )
    report.disturbed(section, results.others.most)
    mine = results["ours"]
    for figure, name in (
        ("prefill_tps", f"prefill, {sizes.prompt} tokens"),
        ("decode_tps", f"decode, {sizes.decode} tokens at depth {sizes.prompt}"),
    ):
        for number, peer in enumerate(peers):
            wanted = AS_FAST if goal and number == 0 else None
            report.add(section, Row(name, "t/s", mine[figure], results[peer][figure], peer, wanted))
    report.add(section, Row(f"first text, {sizes.prompt} tokens of prompt", "ms", mine["ttft_ms"]))


async def several_sequences(
    report: Report, section: str, count: int, ours: Ours, theirs: AnswerOnce, peer: str, sizes: Sizes
) -> None:
    """`count` answers at once behind one prefix: all tokens over the time from asking to the last end. First with a
    prefix that nobody has read before, then with new tails behind the same."""

    async def ask_us(messages: tuple[Message, ...], tokens: int, seed: int) -> object:
        return await ours.answer(messages, tokens, seed)

    async def run(answer: AnswerOnce, turn: int) -> Measured:
        prefix = (await ours.prompt(sizes.prefix, seed=_seed(section, 100 * count + turn)))[0].content
        return {
            "new": await _burst(answer, prefix, count, sizes, first=0),
            "known": await _burst(answer, prefix, count, sizes, first=count),
        }

    results = await take_turns(
        sizes.rounds, {"ours": lambda turn: run(ask_us, turn), "theirs": lambda turn: run(theirs, turn)}
    )
    report.disturbed(section, results.others.most)
    for figure, which, goal in (("known", "prefix known", AS_FAST), ("new", "prefix new", None)):
        mine, other = results["ours"][figure], results["theirs"][figure]
        report.add(section, Row(f"{count} at once, {which}", "t/s", mine, other, peer, goal))


async def abort(report: Report, section: str, ours: Ours, sizes: Sizes) -> None:
    """How soon a request ends that is cancelled while its prompt is read, and how soon the next one is answered."""
    found: list[tuple[float, float]] = []
    others = Others()
    for turn in range(sizes.rounds * PATIENCE):
        measured = await ours.abort(await ours.prompt(sizes.long_prompt, seed=_seed(section, turn)))
        if measured is not None:
            found.append(measured)
        if len(found) == sizes.rounds:
            break
    if not found:
        raise RuntimeError(f"a prompt of {sizes.long_prompt} tokens was read before it could be cancelled")
    report.disturbed(section, others.cores())
    report.add(
        section,
        Row("cancel in mid-prompt to its end", "ms", Series(tuple(1000 * end for end, _ in found)), goal=SOON),
        Row("… to the next one's answer", "ms", Series(tuple(1000 * answer for _, answer in found))),
    )


async def _burst(answer: AnswerOnce, prefix: str, count: int, sizes: Sizes, first: int) -> float:
    """Tokens a second of `count` answers that are asked at the same moment."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(first, first + count):
            messages = (Message("system", prefix), Message("user", words(sizes.tail, seed=number)))
            group.create_task(answer(messages, sizes.decode, number))
    return count * sizes.decode / (time.perf_counter() - began)


def _without_turn(measure: Callable[[], Awaitable[Measured]]) -> Callable[[int], Awaitable[Measured]]:
    return lambda turn: measure()


def _seed(section: str, number: int) -> int:
    """Another one for each section too: what one section asked must not be cached for the next."""
    return zlib.crc32(section.encode()) * 100_000 + number
