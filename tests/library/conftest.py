"""A library of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.system.paths import Paths


@pytest.fixture
def told() -> list[object]:
    """What the library said, in order."""
    return []


@pytest.fixture
async def library(home: Paths, told: list[object]) -> AsyncIterator[Library]:
    bus = Bus()
    bus.subscribe(object, told.append)
    database = Database.open(home.database)
    library = Library(home, database, bus)
    await library.start()
    yield library
    await library.close()
    await database.close()
