"""A hub on loopback, and our service in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.catalog.credibility import Credibility, Publishers
from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.model import Tier
from offgrid_tui.database.database import Database
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import NetworkSettings
from tests.support.hub import LoopbackHub

PUBLISHERS = Publishers({"acme": Credibility(Tier.OFFICIAL, "Acme", "made the model")})


class WallClock:
    """Real durations, a wall clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        import time

        return time.monotonic()

    def wall(self) -> float:
        return self.now


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "offgrid.db")
    yield opened
    opened.close_now()


Make = Callable[..., HubService]


@pytest.fixture
async def service(hub: LoopbackHub, database: Database, clock: WallClock) -> AsyncIterator[Make]:
    """Makes services on one database; settings as keyword arguments, `env` for the environment."""
    made: list[HubService] = []

    def make(*, env: dict[str, str] | None = None, **settings: Any) -> HubService:
        chosen = NetworkSettings(**{"hub": hub.url, "timeout": 2.0, "deadline": 5.0, **settings})
        access = NetworkAccess(NetworkPolicy(chosen), chosen, env={"HOME": "/nonexistent", **(env or {})})
        made.append(HubService(database, access, lambda: PUBLISHERS, clock=clock))
        return made[-1]

    yield make
    for one in made:
        await one.close()
