"""Prompts of a wanted length in tokens, of words that the benchmark model knows."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from offgrid_tui.engine.contract import Message

WORDS = (
    "the of and to in that is was for it with as his on be at by had not are but from or have an they which one you "
    "were her all she there would their we him been has when who will more no if out so said what up its about into "
    "than them can only other new some could time these two may then do first any my now such like our over man me"
).split()


def words(count: int, seed: int) -> str:
    """`count` words, different for each seed from the first one on."""
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(count))


async def message_of(
    tokens: int, seed: int, count: Callable[[tuple[Message, ...]], Awaitable[int]]
) -> tuple[Message, ...]:
    """One message from the user whose rendered prompt has `tokens` tokens, or as near as whole words come.

    Args:
        count: how many tokens messages have once rendered.
    """
    wanted = max(1, tokens - 8)
    for _ in range(6):
        messages = (Message("user", words(wanted, seed)),)
        over = await count(messages) - tokens
        if over == 0 or wanted - over < 1:
            break
        wanted -= over
    return messages
