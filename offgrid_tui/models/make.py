"""Builds the library and the list of models over it, the same way for the workstation and for commands."""

from __future__ import annotations

from offgrid_tui.database.database import Database
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.clock import Clock
from offgrid_tui.foundation.events import Bus
from offgrid_tui.library.service import Library
from offgrid_tui.models.ports import Arrivals, EngineUsage, Seen, Speeds, no_arrivals, no_speeds, nothing_seen
from offgrid_tui.models.service import ModelsService
from offgrid_tui.models.sources import Sources
from offgrid_tui.system.paths import Paths


def make_models(
    paths: Paths,
    database: Database,
    bus: Bus,
    fit: FitService,
    engine: EngineClient,
    *,
    clock: Clock | None = None,
    speeds: Speeds = no_speeds,
    arrivals: Arrivals = no_arrivals,
    seen: Seen = nothing_seen,
) -> ModelsService:
    """The service, with its library; both have to be started, the library first."""
    sources = Sources(paths)
    library = Library(paths, database, bus, promises=sources.promise, usage=EngineUsage(engine), clock=clock)
    return ModelsService(
        sources.models,
        library,
        fit,
        database,
        bus,
        speeds=speeds,
        arrivals=arrivals,
        bundled=sources.bundled,
        seen=seen,
    )
