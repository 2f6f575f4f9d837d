"""What of a conversation is sent to the model."""

from __future__ import annotations

from collections.abc import Sequence

from offgrid_tui.chat.model import Turn
from offgrid_tui.engine.contract import Message


def build_messages(system: str, turns: Sequence[Turn]) -> tuple[Message, ...]:
    """The system prompt, then the branch `turns` (root first, ending with the user's turn).

    Answers that were stopped or failed are sent with what came of them; those of which nothing came are left out, and
    the user's turns on both sides become one message, since most templates refuse two in a row. Thinking is not sent:
    models are trained without that of earlier answers.
    """
    messages: list[Message] = []
    if system.strip():
        messages.append(Message("system", system))
    for turn in turns:
        if not turn.content.strip():
            continue
        if messages and messages[-1].role == turn.role:
            messages[-1] = Message(turn.role, f"{messages[-1].content}\n\n{turn.content}")
        else:
            messages.append(Message(turn.role, turn.content))
    return tuple(messages)
