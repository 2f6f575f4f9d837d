"""Homes with the real engine, and models that take their time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.workstation import Workstation
from tests.support import models
from tests.support.engine import engine_python

LONG_TEXT = " ".join(f"w{number}" for number in range(600))


@pytest.fixture
def engine_home(home: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """A home with an engine, whose host is ended after the test."""
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", engine_python())
    yield home

    async def stop() -> None:
        client = EngineClient(home, load_settings(home))
        await client.stop_host()
        await client.close()

    asyncio.run(stop())


@pytest.fixture
async def station(engine_home: Paths) -> AsyncIterator[Workstation]:
    """A workstation as `offgrid` opens it."""
    station = await Workstation.open(engine_home, load_settings(engine_home))
    yield station
    await station.close()


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recites LONG_TEXT for a second or more, and reads a long prompt for as long."""
    return models.reciter_model(tmp_path_factory.mktemp("slow"), LONG_TEXT, layers=6, width=512, name="slow")
