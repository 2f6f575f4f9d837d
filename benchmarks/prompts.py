"""Prompts of a wanted length in tokens, of words that the benchmark model knows."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from offgrid_tui.engine.contract import Message
from tools.models.vocabulary import common_words


def words(count: int, seed: int) -> str:
    """`count` words, different for each seed from the first one on."""
    known = sorted({word.strip() for word in common_words()})
    draw = random.Random(seed)
    return " ".join(draw.choice(known) for _ in range(count))


async def message_of(
    tokens: int, seed: int, count: Callable[[tuple[Message, ...]], Awaitable[int]]
) -> tuple[Message, ...]:
    """One message from the user whose rendered prompt has `tokens` tokens, or as near as whole words come.

    Args:
        count: how many tokens messages have once rendered.
    """
    wanted = tokens
    for _ in range(8):
        messages = (Message("user", words(wanted, seed)),)
        counted = await count(messages)
        if (step := round((counted - tokens) * wanted / counted)) == 0:
            break
        wanted = max(1, wanted - step)
    return messages
