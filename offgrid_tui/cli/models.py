"""Opens the list of models for one command, and closes it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from offgrid_tui.catalog.credibility import Publishers
from offgrid_tui.catalog.load import Catalog, load_catalog
from offgrid_tui.catalog.resolver import Resolved, Resolver
from offgrid_tui.catalog.store import aliases
from offgrid_tui.chat.speeds import measured_speeds
from offgrid_tui.database.database import Database
from offgrid_tui.engine.builder.find import uses_gpu
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.events import Bus
from offgrid_tui.models.make import make_models
from offgrid_tui.models.model import ModelRow
from offgrid_tui.models.service import ModelsService
from offgrid_tui.models.speeds import MachineSpeeds
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


@dataclass(frozen=True, slots=True)
class Opened:
    """The joined list, and who knows what a name means in it."""

    models: ModelsService
    speeds: MachineSpeeds
    database: Database
    resolver: Resolver
    bus: Bus

    def row(self, found: Resolved) -> ModelRow | None:
        """The row that a name means: of what is installed where that is, else of the variant or model; None for what
        stands in no list."""
        rows = self.models.rows()
        if found.installed:
            return next((row for row in rows if row.installed and row.installed.id == found.installed), None)
        if found.variant and (row := next((row for row in rows if row.key == found.variant.key), None)):
            return row
        return next((row for row in rows if row.model is not None and row.model is found.model), None)


@asynccontextmanager
async def open_models(paths: Paths, settings: Settings) -> AsyncIterator[Opened]:
    """The joined list, ready. The engine's host is asked where one runs, and never started.

    Raises:
        DamagedError: our own catalog, or the database.
    """
    database = await asyncio.to_thread(Database.open, paths.database)
    engine = EngineClient(paths, settings)
    bus = Bus()
    fit = FitService(settings, on_gpu=uses_gpu(paths, settings))
    models = make_models(paths, database, bus, fit, engine)
    try:
        await models.library.start()
        await models.start(reconcile=False)
        await models.ready()
        if not models.catalog:
            await asyncio.to_thread(load_catalog, paths)  # says why there is nothing
        own = await database.read(aliases)
        speeds = MachineSpeeds(paths.cache, fit, lambda: database.read_now(measured_speeds))
        catalog = Catalog(models.catalog, Publishers({}))
        yield Opened(models, speeds, database, Resolver(catalog, own, lambda: models.library.models), bus)
    finally:
        await models.close()
        await models.library.close()
        await engine.close()
        await database.close()
