"""What one transaction adds to a conversation before the engine is asked."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offgrid_tui.chat import store
from offgrid_tui.chat.model import Conversation, Turn, TurnState
from offgrid_tui.chat.prompt import build_messages
from offgrid_tui.engine.contract import Generate, LoadOptions, Reasoning, Sampling
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.errors import BusyError, NotFoundError, UsageError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.system.identity import is_alive

if TYPE_CHECKING:
    import apsw

TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """How an answer is asked for. `model` None: the one that the conversation used last."""

    model: str | None
    sampling: Sampling
    options: LoadOptions
    reasoning: Reasoning


@dataclass(frozen=True, slots=True)
class Plan:
    """What was added: the turns, of which the last is the answer, and what is to be sent for it."""

    turns: tuple[Turn, ...]
    request: Generate


@dataclass(frozen=True, slots=True)
class Planner:
    """Adds turns in the name of `owner`, to be answered by `provider` and written by the process `writer`."""

    owner: str
    writer: str
    provider: str
    clock: Clock

    def ask(self, conn: apsw.Connection, conversation_id: str, text: str, wish: Wish) -> Plan:
        """The user's turn and a running answer, at the end of the branch that is shown.

        Raises:
            NotFoundError, BusyError, UsageError: see ChatService.ask.
        """
        conversation, branch = _idle_branch(conn, conversation_id)
        user = Turn(new_id(), conversation_id, conversation.leaf, "user", text, self.clock.wall())
        if not conversation.title:
            conversation = dataclasses.replace(conversation, title=_title(text))
        store.add_turn(conn, user, self.owner)
        return self._answer(conn, conversation, (*branch, user), wish, user)

    def regenerate(self, conn: apsw.Connection, conversation_id: str, wish: Wish) -> Plan:
        """Another answer to the user's last turn on the branch that is shown.

        Raises:
            NotFoundError, BusyError, UsageError: see ChatService.regenerate.
        """
        conversation, branch = _idle_branch(conn, conversation_id)
        if branch and branch[-1].role == "assistant":
            branch = branch[:-1]
        if not branch:
            raise UsageError("There is nothing to answer yet")
        return self._answer(conn, conversation, branch, wish)

    def _answer(
        self, conn: apsw.Connection, conversation: Conversation, branch: tuple[Turn, ...], wish: Wish, *new: Turn
    ) -> Plan:
        model = wish.model or conversation.model
        if model is None:
            raise UsageError("No model is chosen", mend="Choose one with ctrl+o, or start with --model PATH.")
        now = self.clock.wall()
        answer = Turn(
            new_id(),
            conversation.id,
            branch[-1].id,
            "assistant",
            "",
            now,
            TurnState.RUNNING,
            model=model,
            provider=self.provider,
            parameters={**dataclasses.asdict(wish.sampling), "stop": list(wish.sampling.stop)},  # as JSON gives it back
        )
        store.add_turn(conn, answer, self.owner, self.writer)
        store.update_conversation(conn, dataclasses.replace(conversation, updated=now, leaf=answer.id, model=model))
        request = Generate(
            answer.id,
            model,
            build_messages(conversation.system, branch),
            options=wish.options,
            sampling=wish.sampling,
            reasoning=wish.reasoning,
            priority="interactive",
            cache_key=conversation.id,
            owner=self.owner,
        )
        return Plan((*new, answer), request)


def require(conn: apsw.Connection, id: str) -> Conversation:
    """The conversation `id`.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    found = store.conversation(conn, id)
    if found is None:
        raise NotFoundError("There is no such conversation")
    return found


def new_id() -> str:
    return uuid.uuid4().hex


def _idle_branch(conn: apsw.Connection, id: str) -> tuple[Conversation, tuple[Turn, ...]]:
    """A conversation and the branch that is shown, at whose end nothing is running."""
    conversation = require(conn, id)
    branch = store.branch(conn, conversation.leaf)
    if branch and branch[-1].state is TurnState.RUNNING:
        stopped = {turn.id: turn for turn in store.stop_orphans(conn, is_alive)}
        if branch[-1].id not in stopped:
            raise BusyError("This conversation is being answered", mend="Stop that answer, or wait for its end.")
        branch = (*branch[:-1], stopped[branch[-1].id])
    return conversation, branch


def _title(text: str) -> str:
    first = next(line for line in text.splitlines() if line.strip())
    return clean_line(first, TITLE_LENGTH)
