"""The way of one answer's tokens to its reader: whole characters, thinking split off, stop strings cut, joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offgrid_tui.engine.contract import Text
from offgrid_tui.engine.worker.detokenise import Utf8Joiner
from offgrid_tui.engine.worker.stops import StopMatcher
from offgrid_tui.engine.worker.thinking import Channel, Markers, ThinkingSplitter

JOIN_US = 30_000  # the longest that text waits for more


class Output:
    """Takes pieces of bytes, sends Text events."""

    def __init__(
        self,
        id: str,
        stops: Sequence[str],
        opened: Markers | None,
        received: int,
        send: Callable[[Text], None],
    ) -> None:
        """Stop strings are looked for in the answer, not in what is thought. `received` is in microseconds."""
        self._id = id
        self._received = received
        self._send = send
        self._characters = Utf8Joiner()
        self._splitter = ThinkingSplitter(opened)
        self._stops = StopMatcher(stops)
        self._waiting: list[tuple[Channel, str]] = []
        self._oldest = 0
        self._first = True

    @property
    def stop(self) -> str | None:
        """The stop string that was met."""
        return self._stops.met

    @property
    def thinks(self) -> bool:
        return self._splitter.channel == "thinking"

    def push(self, piece: bytes, now: int) -> bool:
        """Take one token's bytes. True when a stop string is complete."""
        text = self._characters.push(piece)
        if text:
            self._take(self._splitter.push(text), now)
        return self._stops.met is not None

    def flush(self, now: int, tokens: int, next_in: int) -> None:
        """Send what waits, if it would be older than JOIN_US once the next token comes, in `next_in` microseconds."""
        if self._waiting and (self._first or now + next_in - self._oldest > JOIN_US):
            self._send_waiting(now, tokens)

    def end(self, now: int, tokens: int) -> None:
        """Send all that is left."""
        if self._stops.met is None:
            rest = self._splitter.push(self._characters.end()) + self._splitter.end()
            self._take(rest, now)
            self._take([("answer", self._stops.end())], now, matched=True)
        self._send_waiting(now, tokens)

    def _take(self, pieces: list[tuple[Channel, str]], now: int, *, matched: bool = False) -> None:
        for channel, text in pieces:
            shown = self._stops.push(text) if channel == "answer" and not matched else text
            if not shown:
                continue
            if not self._waiting:
                self._oldest = now
            if self._waiting and self._waiting[-1][0] == channel:
                self._waiting[-1] = (channel, self._waiting[-1][1] + shown)
            else:
                self._waiting.append((channel, shown))

    def _send_waiting(self, now: int, tokens: int) -> None:
        for channel, text in self._waiting:
            self._send(Text(self._id, text, channel, tokens, (now - self._received) / 1000))
            self._first = False
        self._waiting.clear()
