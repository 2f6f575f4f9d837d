"""Events on their way to a reader that may be slow: a terminal over a bad line, a stopped process.

Whoever puts never waits, so one slow reader holds up nobody else. What waits is joined instead of piled up: pieces of
one answer become one piece, and only the newest progress is kept. What cannot be joined is bounded.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from offgrid_tui.engine.contract import Event, LoadProgress, Prefill, Text

_PIECE = 64 * 1024  # characters that pieces are joined up to: longer ones would be copied again and again
_OVERHEAD = 200  # characters that an event counts for beside its text


class MailboxFull(Exception):
    """More waits than a reader that lives would leave lying."""


class Mailbox:
    """A queue of events with one reader.

    Args:
        limit: characters that may wait. A whole answer fits many times; who leaves more has gone.
    """

    def __init__(self, limit: int = 32 * 2**20) -> None:
        self._limit = limit
        self._events: list[Event] = []
        self._newest: dict[str, int] = {}  # request id -> place of its last event in _events
        self._size = 0
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Add `event`; dropped when the mailbox is closed.

        Raises:
            MailboxFull: the reader has left too much unread.
        """
        if self._closed:
            return
        key = getattr(event, "id", None)
        place = self._newest.get(key) if isinstance(key, str) else None
        joined = _join(self._events[place], event) if place is not None else None
        if place is not None and joined is not None:
            self._size += _length(joined) - _length(self._events[place])
            self._events[place] = joined
        else:
            if isinstance(key, str):
                self._newest[key] = len(self._events)
            self._events.append(event)
            self._size += _length(event)
        if self._size > self._limit:
            raise MailboxFull
        self._arrived.set()

    def close(self) -> None:
        """Nothing more will come; the reader gets what is there, then an empty list."""
        self._closed = True
        self._arrived.set()

    async def take(self) -> list[Event]:
        """All that waits, oldest first; waits for the first. An empty list: closed, and everything was read."""
        await self._arrived.wait()
        taken, self._events, self._newest, self._size = self._events, [], {}, 0
        if not self._closed:
            self._arrived.clear()
        return taken


def _join(old: Event, new: Event) -> Event | None:
    if isinstance(old, Text) and isinstance(new, Text):
        same = old.channel == new.channel and old.index == new.index and len(old.text) < _PIECE
        return replace(new, text=old.text + new.text) if same else None
    if isinstance(old, LoadProgress) and isinstance(new, LoadProgress):
        return new
    if isinstance(old, Prefill) and isinstance(new, Prefill):
        return new
    return None


def _length(event: Event) -> int:
    return _OVERHEAD + (len(event.text) if isinstance(event, Text) else 0)
