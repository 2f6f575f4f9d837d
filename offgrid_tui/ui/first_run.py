"""Whether this home is new, and what follows from what the user chooses in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from offgrid_tui.chat.guide import guide
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.foundation.units import gib
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.library.finders.model import Store
from offgrid_tui.library.finders.places import stores
from offgrid_tui.models.recommended import recommended
from offgrid_tui.ui.overlays.welcome import Way, Welcome, Welcomed

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

SEEN = "ui.welcomed"
ROLES = ("chat",)


async def welcome(app: OffGridApp) -> None:
    """Show it where nobody has used this home before: nothing was said, nothing was brought, nobody was asked for."""
    station = app.workstation
    if app.model_was_asked_for or app.settings.chat.model:
        return
    if await station.database.read(lambda conn: get_state(conn, SEEN)) or await station.chat.conversations():
        return
    await station.models.ready()
    if station.library.models:
        return
    rows = station.models.rows()
    picks = await asyncio.to_thread(lambda: recommended(rows, station.speeds, ROLES))
    at = await asyncio.to_thread(station.fit.snapshot)
    adoptable = await _adopt(app, dry=True)
    await station.database.write(lambda conn: put_state(conn, SEEN, True))
    if not app.screen_stack or len(app.screen_stack) > 1 or not app.chat_screen.untouched:
        return  # the user is somewhere else by now, or has begun to write: nothing comes between them and the guide
    machine = describe(at.hardware, at.memory.share)
    app.push_screen(Welcome(machine, picks, adoptable, guide() is not None), lambda chosen: _chosen(app, chosen))


def describe(hardware: Hardware, share: int) -> str:
    """8 cores · 15.6 GiB, 9.4 for models · NVIDIA …"""
    gpu = [hardware.gpus[0].name] if hardware.gpus else []
    cores = hardware.cpu.cores
    parts = [f"{cores} core{'' if cores == 1 else 's'}", f"{gib(hardware.memory.usable)} GiB, {gib(share)} for models"]
    return " · ".join([*parts, *gpu])


def _chosen(app: OffGridApp, chosen: Welcomed | None) -> None:
    match chosen.way if chosen is not None else Way.ON:
        case Way.SHOW:
            app.start(_show(app, chosen.key if chosen is not None else None))
        case Way.IMPORT:
            from offgrid_tui.ui.catalog.importing import ask_import

            app.action_mode("catalog")
            app.call_later(ask_import, app)
        case Way.ADOPT:
            app.action_mode("catalog")
            app.start(_adopt_all(app))
        case Way.ON:
            pass


async def _show(app: OffGridApp, key: str | None) -> None:
    from offgrid_tui.ui.catalog.screen import CatalogScreen

    app.action_mode("catalog")
    screen = app.get_screen_stack("catalog")[0]
    if isinstance(screen, CatalogScreen):
        await screen.show_model(key)


async def _adopt_all(app: OffGridApp) -> None:
    count = await _adopt(app, dry=False)
    models = "1 model" if count == 1 else f"{count} models"
    app.notify(f"{models} of other tools can be used now; their files stay where they are")


async def _adopt(app: OffGridApp, *, dry: bool) -> int:
    count = 0
    for store in _stores():
        adopted, _ = await app.workstation.library.adopt(store, dry=dry)
        count += sum(not one.already for one in adopted)
    return count


def _stores() -> Iterable[Store]:
    return [store for found in stores().values() for store in found]
