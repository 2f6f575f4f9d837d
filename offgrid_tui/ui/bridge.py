"""The one place where an event of the bus becomes a message to a screen.

Text comes as fast as the engine makes it and is joined here, so that a screen writes at most 15 times a second, 10
over SSH, where every write is a packet. The first piece of an answer goes out at once.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from offgrid_tui.chat import events as chat
from offgrid_tui.engine import events as engine
from offgrid_tui.foundation.events import Bus
from offgrid_tui.foundation.text import clean, clean_line
from offgrid_tui.library import events as library
from offgrid_tui.models import events as models
from offgrid_tui.ui import messages
from offgrid_tui.ui.messages import BusMessage

LOCAL_RATE = 15  # writes a second
SSH_RATE = 10


def write_rate(env: Mapping[str, str] = os.environ) -> int:
    """How many times a second a screen may write."""
    return SSH_RATE if env.get("SSH_CONNECTION") else LOCAL_RATE


@dataclass(slots=True)
class _Growing:
    """A running answer: what it grew by since the last write, and how much was written before."""

    conversation: str
    thinking: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    thinking_at: int = 0
    answer_at: int = 0
    tokens: int = 0
    elapsed_ms: float = 0.0
    last_write: float = 0.0
    hushed: bool = False


class Bridge:
    """Listens to a bus and tells its listeners; lives in the app's loop."""

    def __init__(self, bus: Bus, rate: int) -> None:
        self._interval = 1 / rate
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._listeners: list[Callable[[BusMessage], object]] = []
        self._growing: dict[str, _Growing] = {}
        self._progress: dict[str, chat.AnswerProgressed] = {}
        self._changed = self._models_changed = False
        self._deleted: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        handlers: list[tuple[type[object], Callable[[object], None]]] = [
            (chat.AnswerGrew, self._grew),
            (chat.AnswerProgressed, self._progressed),
            (chat.ConversationChanged, self._list_changed),
            (chat.ConversationDeleted, self._list_changed),
            (chat.AnswerEnded, self._ended),
            (models.ModelsChanged, self._list_of_models_changed),
            (models.ModelActivated, self._activated),
        ]
        for kind in _TRANSLATIONS:
            handlers.append((kind, self._translate))
        self._unsubscribe = [bus.subscribe(kind, self._in_loop(call)) for kind, call in handlers]

    def add(self, listener: Callable[[BusMessage], object]) -> None:
        """Tell `listener` too: the `post_message` of a screen, or a function that returns at once."""
        self._listeners.append(listener)

    def hush(self, turn_id: str) -> None:
        """No more text of this answer: the user stopped it, and the screen stops at once. AnswerFinished brings the
        rest that was saved."""
        if (growing := self._growing.get(turn_id)) is not None:
            growing.hushed = True

    def close(self) -> None:
        for end in self._unsubscribe:
            end()
        if self._timer is not None:
            self._timer.cancel()
        self._listeners.clear()

    # ── from the bus ───────────────────────────────────────────────────────────────────────────────────────────────

    def _in_loop(self, call: Callable[[object], None]) -> Callable[[object], None]:
        """Events come in their publisher's thread; everything here happens in the app's."""

        def handle(event: object) -> None:
            if threading.get_ident() == self._thread:
                call(event)
            else:
                self._loop.call_soon_threadsafe(call, event)

        return handle

    def _grew(self, event: object) -> None:
        assert isinstance(event, chat.AnswerGrew)
        growing = self._growing.setdefault(event.turn_id, _Growing(event.conversation))
        (growing.thinking if event.channel == "thinking" else growing.answer).append(clean(event.text))
        growing.tokens, growing.elapsed_ms = event.tokens, event.elapsed_ms
        if self._loop.time() - growing.last_write >= self._interval:
            self._write(event.turn_id)
        else:
            self._soon()

    def _progressed(self, event: object) -> None:
        assert isinstance(event, chat.AnswerProgressed)
        self._progress[event.turn_id] = event
        self._soon()

    def _list_changed(self, event: object) -> None:
        if isinstance(event, chat.ConversationDeleted):
            self._deleted.add(event.id)
        self._changed = True
        self._soon()

    def _list_of_models_changed(self, event: object) -> None:
        self._models_changed = True
        self._soon()

    def _activated(self, event: object) -> None:
        assert isinstance(event, models.ModelActivated)
        if event.reason:
            path = str(event.path) if event.path is not None else None
            self._tell(lambda: messages.ModelFellBack(path, clean_line(event.reason)))

    def _ended(self, event: object) -> None:
        assert isinstance(event, chat.AnswerEnded)
        self._write(event.turn.id)
        self._advance(event.turn.id)
        self._growing.pop(event.turn.id, None)
        self._tell(lambda: messages.AnswerFinished(event.turn))

    def _translate(self, event: object) -> None:
        make = _TRANSLATIONS[type(event)]
        self._tell(lambda: make(event))

    # ── to the screens ─────────────────────────────────────────────────────────────────────────────────────────────

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        for turn_id in tuple(self._progress):
            self._advance(turn_id)
        for turn_id in tuple(self._growing):
            self._write(turn_id)
        if self._changed:
            deleted, self._deleted, self._changed = frozenset(self._deleted), set(), False
            self._tell(lambda: messages.ConversationsChanged(deleted))
        if self._models_changed:
            self._models_changed = False
            self._tell(messages.ModelsChanged)

    def _write(self, turn_id: str) -> None:
        growing = self._growing.get(turn_id)
        if growing is None or growing.hushed or not (growing.thinking or growing.answer):
            return
        self._advance(turn_id)  # how long the prompt was, before the text
        growing.last_write = self._loop.time()
        thinking, answer = "".join(growing.thinking), "".join(growing.answer)
        at = growing.thinking_at, growing.answer_at
        self._tell(
            lambda: messages.TextArrived(
                turn_id, growing.conversation, thinking, at[0], answer, at[1], growing.tokens, growing.elapsed_ms
            )
        )
        growing.thinking.clear()
        growing.answer.clear()
        growing.thinking_at += len(thinking)
        growing.answer_at += len(answer)

    def _advance(self, turn_id: str) -> None:
        """Say the progress that waits to be joined with more."""
        if (progress := self._progress.pop(turn_id, None)) is not None:
            self._tell(lambda: messages.AnswerAdvanced(progress))

    def _tell(self, make: Callable[[], BusMessage]) -> None:
        for listener in tuple(self._listeners):
            listener(make())  # a message of its own for each: Textual marks them as they travel


def _building(event: engine.EngineBuildProgressed) -> BusMessage:
    return messages.EngineMoved(f"{event.done}/{event.total}" if event.total else clean_line(event.step, 30))


_TRANSLATIONS: dict[type[object], Callable[..., BusMessage]] = {
    library.LibraryProgressed: lambda e: messages.LibraryMoved(e.work, clean_line(e.what), e.done, e.total),
    chat.TurnAdded: lambda e: messages.TurnCame(e.turn),
    chat.TurnChanged: lambda e: messages.TurnCame(e.turn),
    chat.ModelLoaded: lambda e: messages.ModelReady(e.loaded, e.turn_id),
    chat.AnswerNotSaved: lambda e: messages.SavingTroubled(e.turn_id, clean(str(e.error))),
    chat.AnswerSaved: lambda e: messages.SavingTroubled(e.turn_id, ""),
    engine.EngineBuildProgressed: _building,
    engine.EngineBuilt: lambda e: messages.EngineMoved(None),
    engine.EngineBuildFailed: lambda e: messages.EngineMoved("", clean_line(e.error.title), clean(str(e.error))),
}
