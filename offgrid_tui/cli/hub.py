"""Opens the hub's service for one command, and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from offgrid_tui.catalog.hub.service import HubService
from offgrid_tui.catalog.load import load_catalog
from offgrid_tui.database.database import Database
from offgrid_tui.network.access import NetworkAccess
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


@asynccontextmanager
async def open_hub(paths: Paths, settings: Settings) -> AsyncIterator[HubService]:
    """What may be asked of the hub, by the settings.

    Raises:
        OffGridError: the database can't be opened.
    """
    database = await asyncio.to_thread(Database.open, paths.database)
    access = NetworkAccess(NetworkPolicy(settings.network), settings.network)
    hub = HubService(database, access, lambda: load_catalog(paths).publishers)
    try:
        yield hub
    finally:
        await hub.close()
        await database.close()
