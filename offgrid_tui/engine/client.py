"""What the rest of OffGrid calls: the engine as async iterators of events."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator
from dataclasses import replace

from offgrid_tui.engine.connection import HostConnection
from offgrid_tui.engine.contract import (
    VERSION,
    Count,
    Counted,
    Done,
    Error,
    ErrorCode,
    Event,
    Generate,
    Load,
    Loaded,
    LoadOptions,
    Ok,
    Shutdown,
    Status,
    StatusReport,
    Unload,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.outside import (
    END_DEADLINE,
    HELLO_DEADLINE,
    end_by_signal,
    first_line,
    replace_old_host,
)
from offgrid_tui.engine.host.start import connect, connect_or_start
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

# Field of LoadOptions -> setting of [engine] that fills it.
_SETTINGS = {
    name: name for name in ("context", "slots", "batch", "threads", "threads_batch", "gpu_layers", "flash_attention")
} | {"kv_type_k": "kv_type", "kv_type_v": "kv_type"}


class EngineClient:
    """A client of this home's engine host, which is started when first needed.

    One connection carries all requests at once. When the host dies, what was asked raises EngineError(CRASHED), and
    the next request starts it again. All text is clean (see `engine.safe`).
    """

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths = paths
        self._settings = settings
        self._connection: HostConnection | None = None
        self._connecting = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def load(self, request: Load) -> AsyncGenerator[Event, None]:
        """LoadProgress…, then Loaded.

        Raises:
            EngineError: what the model or the engine failed on.
        """
        async for event in self._ask(request, Loaded):
            yield event

    async def generate(self, request: Generate) -> AsyncGenerator[Event, None]:
        """LoadProgress…, Loaded, Prefill…, Text…, Done. Closing the iterator, or cancelling the task that iterates,
        stops the generation; `cancel` stops it and lets its Done come.

        Raises:
            EngineError: what the model or the engine failed on.
        """
        async for event in self._ask(request, Done):
            yield event

    def cancel(self, request_id: str) -> None:
        """Stop the request `request_id` of this client: its iterator ends with Done(stop_reason=cancelled)."""
        if self._connection is not None:
            self._connection.cancel(request_id)

    async def count(self, request: Count) -> int:
        """Tokens of the prompt as it would be sent; loads the model where needed."""
        async with contextlib.aclosing(self._ask(request, Counted)) as events:
            async for event in events:
                if isinstance(event, Counted):
                    return event.tokens
        raise AssertionError("a count ends with Counted or an error")

    async def status(self) -> StatusReport | None:
        """What the host runs; None where no host does. Starts nothing."""
        connection = await self._connect(start=False)
        if connection is None:
            return None
        return await connection.call(Status(self._id("status")), StatusReport)

    async def unload(self, model: str | None = None) -> None:
        """Free `model` (all where None).

        Raises:
            EngineError: BUSY while it answers.
        """
        if (connection := await self._connect(start=False)) is not None:
            await connection.call(Unload(self._id("unload"), model), Ok)

    async def stop_host(self) -> bool:
        """End the host and its workers; by signal where it does not answer. False where none runs."""
        try:
            async with asyncio.timeout(HELLO_DEADLINE):
                connection = await self._connect(start=False)
        except (EngineError, TimeoutError):
            return await end_by_signal(self._paths)
        if connection is None:
            return False
        try:
            async with asyncio.timeout(END_DEADLINE):
                with contextlib.suppress(EngineError):  # it hangs up when it ends
                    await connection.call(Shutdown(self._id("shutdown")), Ok)
                await connection.gone.wait()
        except TimeoutError:
            await end_by_signal(self._paths)
        return True

    async def close(self) -> None:
        """Hang up. The host goes on."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    # ── the connection ─────────────────────────────────────────────────────────────────────────────────────────────

    def _id(self, what: str) -> str:
        return f"{what} {next(self._numbers)}"

    def _options(self, asked: LoadOptions) -> LoadOptions:
        """`asked`, with what flags and the environment of this program say. The host reads the settings' file itself,
        but knows only the environment that it was started in."""
        ours = {
            name: getattr(self._settings.engine, setting)
            for name, setting in _SETTINGS.items()
            if getattr(asked, name) is None
            and self._settings.origin(f"engine.{setting}").source in ("environment", "override")
        }
        return replace(asked, **ours)

    async def _ask(self, request: Load | Generate | Count, last: type[Event]) -> AsyncGenerator[Event, None]:
        request = replace(request, options=self._options(request.options))
        connection = await self._connect(start=True)
        assert connection is not None
        mailbox = connection.open(request)
        ended = False
        try:
            while not ended:
                events = await mailbox.take()
                if not events:
                    raise connection.error()
                for event in events:
                    if isinstance(event, (last, Error)):
                        ended = True
                        connection.finish(request.id, cancel=False)  # whoever iterates may stop here
                    if isinstance(event, Error):
                        raise EngineError.from_event(event)
                    yield event
        finally:
            connection.finish(request.id, cancel=not ended)

    async def _connect(self, *, start: bool) -> HostConnection | None:
        async with self._connecting:
            for _ in range(3):  # a host that was just ending hangs up before its first line
                if self._connection is not None and not self._connection.gone.is_set():
                    return self._connection
                line = await (connect_or_start(self._paths) if start else connect(self._paths))
                if line is None:
                    return None
                hello = await first_line(line)
                if hello is None:
                    continue
                if hello.get("v") != VERSION:
                    await replace_old_host(line, hello)
                    continue
                self._connection = HostConnection(line)
                return self._connection
            raise EngineError(
                ErrorCode.CRASHED,
                "The engine host ends as soon as it is started",
                mend="See `offgrid engine log --host`, and check with `offgrid doctor`.",
            )
