"""The host's front: the socket, its clients, and when to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Coroutine
from typing import Any

from offgrid_tui.engine.builder.recipe import DISTRIBUTION
from offgrid_tui.engine.codec import MAX_LINE, ContractError
from offgrid_tui.engine.contract import (
    Cancel,
    Count,
    Error,
    ErrorCode,
    Generate,
    Hello,
    Load,
    Ok,
    Ping,
    Request,
    Shutdown,
    Status,
    StatusReport,
    Unload,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.connection import Connection
from offgrid_tui.engine.host.jobs import Job
from offgrid_tui.engine.host.peer import peer_of
from offgrid_tui.engine.host.pool import Pool, Surroundings
from offgrid_tui.fit.budget import budget

log = logging.getLogger(__name__)

MOST_JOBS = 256  # of all clients together
FIRST_CLIENT = 30.0  # seconds that a new host waits for its first client
_TICK = 1.0  # seconds at most between two looks at what is idle


class Host:
    """Listens, routes requests to the pool, and ends itself when nobody has needed it for `keep_alive` seconds."""

    def __init__(self, pool: Pool, around: Surroundings) -> None:
        self._pool = pool
        self._around = around
        self._clock = around.clock
        self._started = around.clock.wall()
        self._clients: dict[Connection, dict[str, Job]] = {}
        self._count = 0
        self._jobs = 0
        self._idle_since = around.clock.monotonic()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until asked to end, or until unused for too long. The socket is closed then, and no worker is left."""
        server = await asyncio.start_unix_server(self._welcome, sock=listener, limit=MAX_LINE)
        try:
            while not self._ended.is_set():
                await self._look_at_what_is_idle()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(_TICK, max(0.05, self._keep_alive / 4))):
                        await self._ended.wait()
        finally:
            server.close()
            await self._pool.close()
            await asyncio.gather(*(client.close() for client in list(self._clients)))
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=5.0)

    def end(self) -> None:
        """Finish: workers first, then the clients' lines."""
        self._ended.set()

    @property
    def _keep_alive(self) -> float:
        return self._around.settings().engine.keep_alive

    async def _look_at_what_is_idle(self) -> None:
        now, patience = self._clock.monotonic(), self._keep_alive
        if not self._count:
            patience = max(patience, FIRST_CLIENT)  # whoever started this host is about to connect
        if self._clients or self._pool.busy:
            self._idle_since = now
        elif now - self._idle_since >= patience:
            log.info("unused for %.0f s: ending", now - self._idle_since)
            self.end()
            return
        await self._pool.unload_idle(patience)

    # ── clients ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            peer = peer_of(writer.get_extra_info("socket"))
            if peer.uid != os.getuid():
                log.warning("user %d was turned away", peer.uid)
                writer.transport.abort()
                return
            self._count += 1
            client = Connection(self._count, f"process {peer.pid}", reader, writer)
            await self._attend(client)
        finally:
            self._tasks.discard(task)

    async def _attend(self, client: Connection) -> None:
        jobs: dict[str, Job] = {}
        self._clients[client] = jobs
        engine = self._around.engine()
        name = f"{DISTRIBUTION} {engine.version}".strip() if engine is not None else ""
        client.send(Hello("host", os.getpid(), name))
        try:
            await client.receive(lambda request: self._take(client, jobs, request))
        except ContractError as error:
            log.warning("%s broke the protocol: %s", client.name, error)
            client.send(Error(None, ErrorCode.PROTOCOL, "This is not the engine's protocol", str(error)))
        finally:
            for job in list(jobs.values()):
                self._pool.cancel(job)  # nobody is left to read it
            del self._clients[client]
            await client.close()

    def _take(self, client: Connection, jobs: dict[str, Job], request: Request) -> None:
        match request:
            case Load() | Generate() | Count():
                self._begin(client, jobs, request)
            case Cancel():
                if (job := jobs.get(request.target)) is not None:
                    self._pool.cancel(job)
            case Ping():
                client.send(Ok(request.id))
            case Status():
                client.send(self._report(request))
            case Unload():
                self._spawn(self._unload(client, request))
            case Shutdown():
                self._spawn(self._shut_down(client, request))

    def _begin(self, client: Connection, jobs: dict[str, Job], request: Load | Generate | Count) -> None:
        if request.id in jobs:
            raise ContractError(f"the id {request.id[:40]!r} is in use")
        self._jobs += 1
        job = Job(f"{client.number}.{self._jobs}", request, client.send, client.name, self._clock.monotonic)
        if self._pool.jobs >= MOST_JOBS:
            job.fail(EngineError(ErrorCode.BUSY, f"{MOST_JOBS} requests are in work", mend="Try again in a moment."))
            return
        jobs[request.id] = job
        job.on_end = lambda: jobs.pop(request.id, None)
        self._pool.submit(job)

    def _report(self, request: Status) -> StatusReport:
        settings = self._around.settings()
        return StatusReport(
            request.id,
            os.getpid(),
            self._started,
            len(self._clients),
            settings.engine.keep_alive,
            budget(self._around.hardware(), settings.memory).share,
            self._pool.status(),
        )

    async def _unload(self, client: Connection, request: Unload) -> None:
        try:
            await self._pool.unload(request.model)
            client.send(Ok(request.id))
        except EngineError as error:
            client.send(error.to_event(request.id))

    async def _shut_down(self, client: Connection, request: Shutdown) -> None:
        log.info("%s asks to end", client.name)
        await self._pool.close()
        client.send(Ok(request.id))
        self.end()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
