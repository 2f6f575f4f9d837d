"""One line to the host, shared by all requests of a client."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any, TypeVar

from offgrid_tui.engine.codec import ContractError, decode, encode
from offgrid_tui.engine.contract import Cancel, Error, ErrorCode, Event, Ping, Request, Shutdown, Status, Unload
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.start import Line
from offgrid_tui.engine.mailbox import Mailbox, MailboxFull
from offgrid_tui.engine.safe import cleaned

log = logging.getLogger(__name__)

_HEARTBEAT = 5.0  # seconds between two pings while something is asked
_MISSED = 6  # pings without a word before the host counts as hung

E = TypeVar("E")


class HostConnection:
    """Sends requests, and delivers each event to the mailbox of its request."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._mailboxes: dict[str, Mailbox] = {}
        self._unanswered = 0
        self._error: EngineError | None = None
        self.gone = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._read(), name="engine events"),
            asyncio.create_task(self._heartbeat(), name="engine heartbeat"),
        ]

    def open(self, request: Any) -> Mailbox:
        """Send `request`; its events arrive in the mailbox, which is closed when the host goes."""
        if request.id in self._mailboxes:
            raise ValueError(f"the request id {request.id!r} is in use")
        self._mailboxes[request.id] = mailbox = Mailbox()
        if self.gone.is_set():
            mailbox.close()
        else:
            self._send(request)
        return mailbox

    def finish(self, request_id: str, *, cancel: bool) -> None:
        """Nobody reads the events of `request_id` any longer. Sends at once and waits for nothing."""
        if self._mailboxes.pop(request_id, None) is not None and cancel:
            self.cancel(request_id)

    def cancel(self, request_id: str) -> None:
        self._send(Cancel(request_id))

    async def call(self, request: Status | Unload | Shutdown, kind: type[E]) -> E:
        """Send `request` and wait for its one answer."""
        mailbox = self.open(request)
        try:
            for event in await mailbox.take():
                if isinstance(event, Error):
                    raise EngineError.from_event(event)
                if isinstance(event, kind):
                    return event
            raise self.error()
        finally:
            self.finish(request.id, cancel=False)

    def error(self) -> EngineError:
        """Why the line is gone."""
        return self._error or EngineError(
            ErrorCode.CRASHED,
            "The engine host ended while it was at work",
            mend="Send it again: the host starts by itself.",
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._line.writer.close()
        self._hang_up()

    def _send(self, request: Request) -> None:
        if not self._line.writer.is_closing():
            self._line.writer.write(encode(request))

    def _hang_up(self) -> None:
        self.gone.set()
        for mailbox in self._mailboxes.values():
            mailbox.close()

    async def _read(self) -> None:
        try:
            while line := await self._line.reader.readuntil(b"\n"):
                self._unanswered = 0
                self._deliver(cleaned(decode(line)))  # type: ignore[arg-type]  # requests fall through
        except (asyncio.IncompleteReadError, OSError):
            pass
        except (ContractError, asyncio.LimitOverrunError) as error:
            log.error("the engine host broke the protocol: %s", error)
            self._error = EngineError(ErrorCode.PROTOCOL, "The engine host broke the protocol", detail=str(error))
        finally:
            self._line.writer.close()
            self._hang_up()

    def _deliver(self, event: Event) -> None:
        key = getattr(event, "id", None)
        if isinstance(event, Error) and key is None:
            self._error = EngineError.from_event(event)
        elif isinstance(key, str) and (mailbox := self._mailboxes.get(key)) is not None:
            try:
                mailbox.put(event)
            except MailboxFull:
                log.error("nobody reads the events of %s", key)
                mailbox.close()
                self.cancel(key)

    async def _heartbeat(self) -> None:
        """Ping while something is asked. Counted in pings: after this process was suspended, the clock has moved
        though the host had no chance to answer."""
        for number in itertools.count(1):
            await asyncio.sleep(_HEARTBEAT)
            if self._unanswered >= _MISSED:
                self._error = EngineError(
                    ErrorCode.UNRESPONSIVE,
                    "The engine host does not answer",
                    mend="End it with `offgrid stop`, then ask again.",
                )
                self._line.writer.transport.abort()
                return
            if self._mailboxes:
                self._unanswered += 1
                self._send(Ping(f"ping {number}"))
