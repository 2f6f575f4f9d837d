"""Desks: workstations reduced to their chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.chat.desk import Desk
from tests.support.scripted import ScriptedProvider

OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(tmp_path: Path) -> AsyncIterator[OpenDesk]:
    """Opens a desk on this test's database: `await open_desk(script)`."""
    async with AsyncExitStack() as desks:

        async def open(script: object = "A scripted answer.") -> Desk:
            provider = script if isinstance(script, ScriptedProvider) else ScriptedProvider(script)  # type: ignore[arg-type]
            return await desks.enter_async_context(Desk(tmp_path / "offgrid.db", provider))

        yield open
