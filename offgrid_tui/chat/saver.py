"""Saves answers while they grow, all of them in one transaction, at most a second behind what was told."""

from __future__ import annotations

import asyncio
import logging

from offgrid_tui.chat import store
from offgrid_tui.chat.answer import Answer
from offgrid_tui.chat.events import AnswerGrew, AnswerNotSaved, AnswerSaved
from offgrid_tui.chat.model import TurnState
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.events import Bus

INTERVAL = 0.4  # seconds from the first unsaved piece to its save; the rest of the second is the disk's
RETRY = 2.0  # seconds until a save that failed is tried again
log = logging.getLogger(__name__)


class AnswerSaver:
    """Holds the answers that are running, and those that have ended but are not on disk yet."""

    def __init__(self, database: Database, bus: Bus, writer: str) -> None:
        self._database = database
        self._bus = bus
        self._writer = writer
        self._answers: dict[str, Answer] = {}
        self._unsaved: set[str] = set()
        self._failing: set[str] = set()
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe = bus.subscribe(AnswerGrew, lambda event: self.mark(event.turn_id))

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="AnswerSaver")

    def add(self, answer: Answer) -> None:
        self._answers[answer.id] = answer

    def get(self, turn_id: str) -> Answer | None:
        """The answer `turn_id`, if it is running or not saved yet."""
        return self._answers.get(turn_id)

    def answers(self) -> tuple[Answer, ...]:
        return tuple(self._answers.values())

    def mark(self, turn_id: str) -> None:
        """There is more of this answer than on disk: save it within INTERVAL."""
        self._unsaved.add(turn_id)
        self._due.set()

    async def save(self) -> bool:
        """Save now what is unsaved. A failure is told on the bus and tried again; whether all is on disk."""
        async with self._lock:
            ids, self._unsaved = self._unsaved, set()
            turns = [answer.turn for id in ids if (answer := self._answers.get(id))]
            if not turns:
                return True
            try:
                await self._database.write(lambda conn: store.save_answers(conn, turns, self._writer))
            except OffGridError as error:
                self._unsaved |= ids
                for turn in turns:
                    if turn.id not in self._failing:
                        self._failing.add(turn.id)
                        self._bus.publish(AnswerNotSaved(turn.id, turn.conversation, error))
                return False
            for turn in turns:
                if turn.state is not TurnState.RUNNING:
                    del self._answers[turn.id]
                if turn.id in self._failing:
                    self._failing.discard(turn.id)
                    self._bus.publish(AnswerSaved(turn.id, turn.conversation))
            return True

    async def close(self) -> None:
        """Save what is left, once more."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if not await self.save():
            log.error("%d answers could not be saved", len(self._unsaved))

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await asyncio.sleep(INTERVAL)
            while not await self.save():
                await asyncio.sleep(RETRY)
