"""A desk for tests of the chat: one service over a real database and a scripted provider, with all that it told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from offgrid_tui.chat.events import AnswerEnded, AnswerGrew
from offgrid_tui.chat.model import Turn
from offgrid_tui.chat.service import ChatService
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.events import Bus
from offgrid_tui.providers.inference import InferenceWorker
from tests.support.scripted import ScriptedProvider

E = TypeVar("E")
MODEL = "/models/scripted.gguf"


class Desk:
    """What one workstation is to the chat. Several desks on one file are several workstations."""

    def __init__(self, path: Path, provider: ScriptedProvider) -> None:
        self.provider = provider
        self.bus = Bus()
        self.told: list[object] = []
        self.bus.subscribe(object, self._hear)
        self._heard = asyncio.Event()
        self.database = Database.open(path)
        self.inference = InferenceWorker(self.bus)
        self.chat = ChatService(self.database, self.inference, provider, self.bus)

    async def __aenter__(self) -> Self:
        self.inference.start()
        await self.chat.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.chat.close()
        await self.inference.close()
        await self.database.close()

    def _hear(self, event: object) -> None:
        self.told.append(event)
        self._heard.set()

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.told if isinstance(event, kind)]

    def text(self, turn_id: str, channel: str = "answer") -> str:
        """What was told of an answer so far."""
        grew = (e for e in self.of(AnswerGrew) if e.turn_id == turn_id and e.channel == channel)
        return "".join(e.text for e in grew)

    async def until(self, fact: Callable[[], object], timeout: float = 30) -> None:
        """Wait for a fact that some event makes true."""
        async with asyncio.timeout(timeout):
            while not fact():
                self._heard.clear()
                await self._heard.wait()

    async def ended(self, turn_id: str) -> Turn:
        """The answer, once it has ended."""
        await self.until(lambda: any(e.turn.id == turn_id for e in self.of(AnswerEnded)))
        return next(e.turn for e in self.of(AnswerEnded) if e.turn.id == turn_id)

    async def say(self, conversation: str, text: str = "Hello") -> Turn:
        """Ask, and wait for the whole answer."""
        _, answer = await self.chat.ask(conversation, text, model=MODEL)
        return await self.ended(answer.id)
