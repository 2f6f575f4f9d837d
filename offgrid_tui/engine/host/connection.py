"""One client of the host: its requests in, its events out at the speed that it reads them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import cast, get_args

from offgrid_tui.engine.codec import ContractError, decode, encode
from offgrid_tui.engine.contract import Event, Request
from offgrid_tui.engine.mailbox import Mailbox, MailboxFull

log = logging.getLogger(__name__)

_REQUESTS = get_args(Request)


class Connection:
    """The line to one client.

    Args:
        number: of this connection; begins the keys of its jobs.
        name: the client in words, for another client's error.
    """

    def __init__(self, number: int, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.name = name
        self._reader = reader
        self._writer = writer
        self._outbox = Mailbox()
        self._sender = asyncio.create_task(self._send_all(), name=f"send to client {number}")

    def send(self, event: Event) -> None:
        """Give `event` to the client, whenever it reads."""
        try:
            self._outbox.put(event)
        except MailboxFull:
            log.warning("client %d does not read and is dropped", self.number)
            self._outbox.close()
            self._writer.transport.abort()

    async def receive(self, take: Callable[[Request], None]) -> None:
        """Hand every request to `take` until the client has gone.

        Raises:
            ContractError: what it sent is no message of the protocol.
        """
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, OSError):
                return
            except asyncio.LimitOverrunError:
                raise ContractError("a message without an end") from None
            message = decode(line)
            if not isinstance(message, _REQUESTS):
                raise ContractError(f"{type(message).__name__} is not a request")
            take(cast("Request", message))

    async def close(self) -> None:
        """Let the client have what waits for it, if it reads that soon, and hang up."""
        self._outbox.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await self._sender
        self._sender.cancel()
        self._writer.transport.abort()

    async def _send_all(self) -> None:
        with contextlib.suppress(OSError):
            while events := await self._outbox.take():
                for event in events:
                    self._writer.write(encode(event))
                await self._writer.drain()
