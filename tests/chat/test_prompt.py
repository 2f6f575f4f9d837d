"""What of a conversation is sent."""

from __future__ import annotations

from typing import Any

import pytest

from offgrid_tui.chat.model import LEGAL_MOVES, Turn, TurnState
from offgrid_tui.chat.prompt import build_messages
from offgrid_tui.engine.contract import Message


def turn(role: Any, content: str, state: TurnState = TurnState.COMPLETE, thinking: str = "") -> Turn:
    error = "It failed" if state is TurnState.FAILED else None
    return Turn("t", "c", None, role, content, 0.0, state, thinking, error=error)


def test_a_branch_is_sent_in_order_behind_the_system_prompt() -> None:
    turns = [turn("user", "One"), turn("assistant", "Two", thinking="hm"), turn("user", "  Three\n")]
    assert build_messages("Be brief.", turns) == (
        Message("system", "Be brief."),
        Message("user", "One"),
        Message("assistant", "Two"),
        Message("user", "  Three\n"),
    )
    assert build_messages(" \n", turns)[0].role == "user"


@pytest.mark.parametrize("state", [TurnState.STOPPED, TurnState.FAILED])
def test_what_came_of_a_broken_answer_is_sent(state: TurnState) -> None:
    turns = [turn("user", "One"), turn("assistant", "Tw", state), turn("user", "Three")]
    assert [m.content for m in build_messages("", turns)] == ["One", "Tw", "Three"]


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_answer_of_which_nothing_came_is_left_out_and_roles_alternate(content: str) -> None:
    turns = [
        turn("user", "One"),
        turn("assistant", content, TurnState.STOPPED, thinking="only thought"),
        turn("user", "Two"),
        turn("assistant", content, TurnState.FAILED),
        turn("user", "Three"),
    ]
    assert build_messages("", turns) == (Message("user", "One\n\nTwo\n\nThree"),)


@pytest.mark.parametrize("after", list(TurnState))
@pytest.mark.parametrize("before", list(TurnState))
def test_only_legal_moves_can_be_built(before: TurnState, after: TurnState) -> None:
    old = turn("assistant", "x", before)
    error = "It failed" if after is TurnState.FAILED else None
    if after in LEGAL_MOVES[before]:
        assert old.moved(after, error=error).state is after
    else:
        with pytest.raises(ValueError, match="can't become"):
            old.moved(after, error=error)


def test_illegal_turns_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="complete at once"):
        turn("user", "x", TurnState.RUNNING)
    with pytest.raises(ValueError, match="failed turn"):
        Turn("t", "c", None, "assistant", "", 0.0, TurnState.FAILED)
    with pytest.raises(ValueError, match="failed turn"):
        Turn("t", "c", None, "assistant", "", 0.0, TurnState.COMPLETE, error="why")
