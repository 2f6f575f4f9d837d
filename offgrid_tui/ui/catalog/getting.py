"""Getting a model: asks once about a publisher whom nobody knows, then it is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offgrid_tui.catalog.model import Variant
from offgrid_tui.downloads.publishers import accept, to_ask_about
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.overlays.questions import Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


async def get_model(app: OffGridApp, row: ModelRow, variant: Variant) -> None:
    """Have `variant` of `row` come here."""
    strangers = await to_ask_about(app.workstation.database, [variant])
    if not strangers:
        await _get(app, row, variant, ())
        return

    def answered(yes: bool | None) -> None:
        if yes:
            app.start(_get(app, row, variant, strangers))

    who = ", ".join(strangers)
    detail = "Nobody we know of vouches for what they publish. You are asked once."
    app.push_screen(Confirm(f"Get a model from {who}?", detail, yes="Get it", no="Leave it"), answered)


async def _get(app: OffGridApp, row: ModelRow, variant: Variant, accepted: tuple[str, ...]) -> None:
    station = app.workstation
    try:
        await accept(station.database, accepted)
        await station.downloads.get(variant, row.name)
    except OffGridError as error:
        app.notify_error(error)
        return
    size = "" if variant.size is None else f", {bytes_text(variant.size)}"
    app.notify(f"{clean_line(row.name, 60)} {clean_line(variant.quantisation, 20)}{size}: on its way")
