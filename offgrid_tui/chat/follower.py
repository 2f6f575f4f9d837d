"""What other workstations on the same home do to conversations, told on this one's bus; and what dead ones left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from offgrid_tui.chat import store
from offgrid_tui.chat.events import AnswerEnded, ConversationChanged, ConversationDeleted, TurnAdded, TurnChanged
from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.database.changes import Change
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus
from offgrid_tui.system.identity import is_alive

SWEEP = 5.0  # seconds between two looks whether the writers of running answers still live
RETRY = 5.0  # seconds until the change log is looked at again after it could not be read
log = logging.getLogger(__name__)


class Follower:
    """Follows the change log, and ends the answers of workstations that are gone."""

    def __init__(self, database: Database, bus: Bus, owner: str) -> None:
        self._database = database
        self._bus = bus
        self._owner = owner
        self._running: set[str] = set()  # answers in work elsewhere, as far as somebody here has seen them
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        self._tasks = (
            asyncio.create_task(self._follow(), name="ChatFollower"),
            asyncio.create_task(self._sweep(), name="ChatSweeper"),
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def shown(self, turns: Iterable[Turn]) -> None:
        """Somebody looks at `turns`, none of which is in work here: tell how the running ones go on."""
        self._running.update(turn.id for turn in turns if turn.state is TurnState.RUNNING)

    async def repair(self) -> None:
        """Make STOPPED, with what came of them, the answers that nobody writes any more."""
        writers = await self._database.read(store.writers_of_running)
        if all(is_alive(writer) for writer in writers):
            return
        for turn in await self._database.write(lambda conn: store.stop_orphans(conn, is_alive)):
            self._tell(turn)

    async def _follow(self) -> None:
        while True:
            try:
                async for change in self._database.follow(store.TOPICS):
                    await self._take(change)
                return  # the database was closed
            except OffGridError as error:
                log.warning("the change log could not be read: %s", error)
            await asyncio.sleep(RETRY)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            if not self._running:
                continue
            try:
                await self.repair()
            except OffGridError as error:
                log.warning("answers that were left behind could not be ended: %s", error)

    async def _take(self, change: Change) -> None:
        if change.topic == store.TURN_TOPIC:
            # No key: changes were missed. Of those, only the running answers that are shown could go wrong unseen.
            for id in (change.key,) if change.key else tuple(self._running):
                await self._look(id)
        elif change.key:
            alive = await self._database.read(lambda conn: store.conversation(conn, change.key))
            self._bus.publish(ConversationChanged(change.key) if alive else ConversationDeleted(change.key))
        else:
            for conversation in await self._database.read(lambda conn: store.conversations(conn, self._owner)):
                self._bus.publish(ConversationChanged(conversation.id))

    async def _look(self, turn_id: str) -> None:
        turn = await self._database.read(lambda conn: store.turn(conn, turn_id))
        if turn is not None:
            self._tell(turn)

    def _tell(self, turn: Turn) -> None:
        known = turn.id in self._running
        if turn.state is TurnState.RUNNING:
            self._running.add(turn.id)
            self._bus.publish(TurnChanged(turn) if known else TurnAdded(turn))
        else:
            self._running.discard(turn.id)
            self._bus.publish(AnswerEnded(turn) if known else TurnAdded(turn))
