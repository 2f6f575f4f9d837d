"""Conversations, as the front doors use them: ask, stop, regenerate, look."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from offgrid_tui.chat import store
from offgrid_tui.chat.answer import Answer
from offgrid_tui.chat.events import AnswerEnded, ConversationChanged, ConversationDeleted, TurnAdded
from offgrid_tui.chat.follower import Follower
from offgrid_tui.chat.model import Conversation, Turn, TurnState
from offgrid_tui.chat.plan import Plan, Planner, Wish, new_id, require
from offgrid_tui.chat.saver import AnswerSaver
from offgrid_tui.database.database import Database
from offgrid_tui.engine.contract import LoadOptions, Reasoning, Sampling
from offgrid_tui.foundation.clock import Clock, SystemClock
from offgrid_tui.foundation.errors import BusyError, NotFoundError, UsageError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.providers.inference import InferenceWorker
from offgrid_tui.providers.protocol import Provider
from offgrid_tui.system.identity import name_process

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")
log = logging.getLogger(__name__)
CLOSING = 5.0  # seconds that running answers get to end when the program does


class ChatService:
    """One for each workstation. What is told on the bus (chat/events.py) is on disk before; an answer that grows, at
    most a second later.

    Errors of the database are raised as they are (DamagedError, BusyError …), where something could not be done.
    """

    def __init__(
        self,
        database: Database,
        inference: InferenceWorker,
        provider: Provider,
        bus: Bus,
        clock: Clock | None = None,
        *,
        owner: str = "local",
    ) -> None:
        self._database = database
        self._inference = inference
        self._provider = provider
        self._bus = bus
        self._clock = clock or SystemClock()
        self._owner = owner
        writer = str(name_process())
        self._planner = Planner(owner, writer, provider.name, self._clock)
        self._saver = AnswerSaver(database, bus, writer)
        self._follower = Follower(database, bus, owner)
        bus.subscribe(ConversationDeleted, self._stop_deleted)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """End the answers that a workstation left behind which is gone, and begin to follow those that live."""
        self._saver.start()
        await self._follower.repair()
        self._follower.start()

    async def close(self) -> None:
        """End running answers as STOPPED, saved; then nothing more is written."""
        self._closed = True
        try:
            async with asyncio.timeout(CLOSING):
                while self._tasks:  # a question that is being committed becomes an answer, which ends too
                    for answer in self._saver.answers():
                        answer.job.cancel()
                    await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            log.error("%d answers did not end within %.0f s", len(self._tasks), CLOSING)
        await self._follower.close()
        await self._saver.close()

    # ── conversations ──────────────────────────────────────────────────────────────────────────────────────────────

    async def conversations(self) -> tuple[Conversation, ...]:
        """All of them, the one that was used last first."""
        return await self._database.read(lambda conn: store.conversations(conn, self._owner))

    async def conversation(self, id: str) -> Conversation:
        """Raises NotFoundError where there is none, or it was deleted."""
        return await self._database.read(lambda conn: require(conn, id))

    async def create(self, model: str | None = None, *, system: str = "") -> Conversation:
        """A new, empty conversation; its title comes with the first turn."""
        now = self._clock.wall()
        new = Conversation(new_id(), "", now, now, model=model, system=system, owner=self._owner)
        await self._database.write(lambda conn: store.add_conversation(conn, new))
        self._bus.publish(ConversationChanged(new.id))
        return new

    async def rename(self, conversation_id: str, title: str) -> None:
        """Raises UsageError for an empty title."""
        if not (line := clean_line(title)):
            raise UsageError("A conversation needs a title")
        await self._change(conversation_id, lambda _, old: dataclasses.replace(old, title=line))

    async def delete(self, conversation_id: str) -> None:
        """Take a conversation out of the list; `restore` brings it back. A running answer in it is stopped."""
        now = self._clock.wall()
        if await self._database.write(lambda conn: store.set_deleted(conn, conversation_id, now)):
            self._bus.publish(ConversationDeleted(conversation_id))

    async def restore(self, conversation_id: str) -> None:
        """Bring a deleted conversation back."""
        if await self._database.write(lambda conn: store.set_deleted(conn, conversation_id, None)):
            self._bus.publish(ConversationChanged(conversation_id))

    # ── turns ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def branch(self, conversation_id: str) -> tuple[Turn, ...]:
        """The branch that is shown, root first. A running answer of ours comes with all that was told of it until now,
        so that the next AnswerGrew continues it."""
        before = self._saver.answers()
        turns = await self._database.read(lambda conn: store.branch(conn, require(conn, conversation_id).leaf))
        return self._with_news(turns, before)

    async def siblings(self, turn_id: str) -> tuple[Turn, ...]:
        """The turns among which `turn_id` was chosen, itself included, oldest first."""
        before = self._saver.answers()
        turns = await self._database.read(lambda conn: store.siblings(conn, turn_id))
        return self._with_news(turns, before)

    async def show(self, turn_id: str) -> None:
        """Show the branch through `turn_id`, with the newest turn at each fork below it."""
        turn = await self._database.read(lambda conn: store.turn(conn, turn_id))
        if turn is None:
            raise NotFoundError("There is no such turn")
        await self._change(
            turn.conversation, lambda conn, old: dataclasses.replace(old, leaf=store.newest_leaf(conn, turn_id))
        )

    # ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(
        self,
        conversation_id: str,
        text: str,
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        options: LoadOptions | None = None,
        reasoning: Reasoning | None = None,
    ) -> tuple[Turn, Turn]:
        """Commit the user's turn and the answer's, then ask the engine; returns both as they were committed.

        The answer comes on the bus. Cancelling this call stops it.

        Raises:
            UsageError: nothing to ask, or no model chosen.
            NotFoundError: no such conversation.
            BusyError: an answer is still running in this conversation, here or in another workstation.
        """
        question = clean(text)
        if not question.strip():
            raise UsageError("There is nothing to ask")
        wish = Wish(model, sampling or Sampling(), options or LoadOptions(), reasoning or Reasoning())
        plan = await self._start(lambda conn: self._planner.ask(conn, conversation_id, question, wish))
        user, answer = plan.turns
        return user, answer

    async def regenerate(
        self,
        conversation_id: str,
        *,
        model: str | None = None,
        sampling: Sampling | None = None,
        options: LoadOptions | None = None,
        reasoning: Reasoning | None = None,
    ) -> Turn:
        """Answer the last turn of the user once more; the new answer stands beside the old one.

        Raises: as `ask`; UsageError too where there is nothing to answer.
        """
        wish = Wish(model, sampling or Sampling(), options or LoadOptions(), reasoning or Reasoning())
        plan = await self._start(lambda conn: self._planner.regenerate(conn, conversation_id, wish))
        return plan.turns[-1]

    def stop(self, answer_turn_id: str) -> bool:
        """Stop an answer, whatever stage it is in; what came is kept. False where it is not running here."""
        answer = self._saver.get(answer_turn_id)
        if answer is None or answer.turn.state is not TurnState.RUNNING:
            return False
        answer.job.cancel()
        return True

    def running(self) -> tuple[Turn, ...]:
        """The answers that are coming in this workstation, as they are now."""
        turns = (answer.turn for answer in self._saver.answers())
        return tuple(turn for turn in turns if turn.state is TurnState.RUNNING)

    async def _start(self, plan: Callable[[apsw.Connection], Plan]) -> Plan:
        """Commit a plan, tell it and ask the engine. The commit is never left half way: who goes away in the middle
        of it gets the answer stopped as soon as it exists."""
        if self._closed:
            raise BusyError("The workstation is closing")
        await self._saver.save()  # an answer that could not be saved before would still stand as running
        commit = self._own(self._database.write(plan))
        try:
            planned = await asyncio.shield(commit)
        except asyncio.CancelledError:
            commit.add_done_callback(self._abandon)
            raise
        self._begin(planned)
        return planned

    def _abandon(self, commit: asyncio.Task[Plan]) -> None:
        if not commit.cancelled() and commit.exception() is None:
            self._begin(commit.result()).job.cancel()

    def _begin(self, plan: Plan) -> Answer:
        turn = plan.turns[-1]
        answer = Answer(turn, self._inference.submit(self._provider, plan.request), self._bus, self._clock)
        self._saver.add(answer)
        self._own(self._finish(answer))
        for added in plan.turns:
            self._bus.publish(TurnAdded(added))
        self._bus.publish(ConversationChanged(turn.conversation))
        return answer

    async def _finish(self, answer: Answer) -> None:
        turn = await answer.run()
        self._saver.mark(turn.id)
        try:
            await self._saver.save()
        finally:
            self._bus.publish(AnswerEnded(turn))

    def _stop_deleted(self, event: ConversationDeleted) -> None:
        for answer in self._saver.answers():
            if answer.turn.conversation == event.id:
                answer.job.cancel()

    async def _change(self, id: str, change: Callable[[apsw.Connection, Conversation], Conversation]) -> None:
        await self._database.write(lambda conn: store.update_conversation(conn, change(conn, require(conn, id))))
        self._bus.publish(ConversationChanged(id))

    def _with_news(self, turns: tuple[Turn, ...], before: tuple[Answer, ...]) -> tuple[Turn, ...]:
        """`turns` as they are now, where the disk doesn't know it yet. `before` are the answers that were in work
        before the disk was read: one may have ended, and been saved, since."""
        ours = {answer.id: answer for answer in (*before, *self._saver.answers())}
        self._follower.shown(turn for turn in turns if turn.id not in ours)
        return tuple(ours[turn.id].turn if turn.id in ours else turn for turn in turns)

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that the service waits for when it closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
