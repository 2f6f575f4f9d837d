"""What can be done with the model under the cursor, and why it can't where it can't."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.model import ModelState, Origin
from offgrid_tui.models.filter import is_here
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.catalog.pane import DetailsPane
from offgrid_tui.ui.catalog.report import CHECKS
from offgrid_tui.ui.catalog.sheet import Sheet, sheet_of
from offgrid_tui.ui.errors import tells_errors
from offgrid_tui.ui.frame.screen import FrameScreen

NO_ROW = "no model is chosen"
ON_ITS_WAY = "it is on its way"
COMING = (ModelState.QUEUED, ModelState.WAITING, ModelState.DOWNLOADING, ModelState.PAUSED, ModelState.VERIFYING)
NO_STICKS = "this version can't write to a stick yet"


class ActingScreen(FrameScreen):
    """The half of the catalog screen that acts; the other half (screen.py) shows and filters."""

    MODE = "catalog"
    TITLE_IN_HELP = "Catalog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "details", "Details", id="catalog.details", tooltip="Everything about this model"),
        Binding("slash", "filter", "Filter", id="catalog.filter", tooltip="Filter by words, <5GB, <8B …"),
        Binding("a", "activate", "Use", id="catalog.activate", tooltip="Let this model answer from now on"),
        Binding("g", "get", "Get", id="catalog.get", tooltip="Download this model"),
        Binding("r", "recommend", "Best", id="catalog.recommend", tooltip="Recommend models for this machine"),
        Binding("h", "hub", "Hub", id="catalog.hub", tooltip="Search Hugging Face"),
        Binding("i", "import", "Import", id="catalog.import", tooltip="Import a model file"),
        Binding("x,delete", "remove", "Remove", id="catalog.remove", tooltip="Remove this model from this machine"),
        Binding("asterisk", "favourite", "Favourite", id="catalog.favourite", tooltip="Mark it, or take the mark away",
                key_display="*", show=False),
        Binding("b", "stick", "Stick", id="catalog.stick", tooltip="Copy this model to a stick", show=False),
        Binding("s", "place", "Source", id="catalog.place", tooltip="Show another source", show=False),
        Binding("f", "fits", "Fits", id="catalog.fits", tooltip="Show what fits, or all", show=False),
        Binding("t", "kind", "Kind", id="catalog.kind", tooltip="Show another kind of model", show=False),
        Binding("o", "order", "Sort", id="catalog.order", tooltip="Sort by something else", show=False),
        Binding("escape", "clear", "Clear", id="catalog.clear", tooltip="Clear all filters", show=False),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._sheets: dict[str, Sheet] = {}  # of models that were looked at since the list was read
        self._looking = False

    @property
    def row(self) -> ModelRow | None:
        """The model under the cursor."""
        raise NotImplementedError

    # ── details ────────────────────────────────────────────────────────────────────────────────────────────────────

    def show_details(self) -> None:
        """Show the model under the cursor in the pane: at once where it is known, else as soon as it is."""
        row, pane = self.row, self.query_one(DetailsPane)
        room = self.query_one("#pane").size.height
        if row is None:
            pane.show(None, room)
        elif row.key in self._sheets:
            pane.show(self._sheets[row.key], room)
        elif not self._looking:
            self._looking = True
            self.app.start(self._look())

    async def _look(self) -> None:
        """Ask for details until those of the row under the cursor are there: it moves meanwhile."""
        try:
            while (row := self.row) is not None and row.key not in self._sheets:
                await self.sheet(row)
        finally:
            self._looking = False
        self.show_details()

    async def sheet(self, row: ModelRow) -> Sheet:
        """All about `row`."""
        try:
            details = await self.app.workstation.models.details(row.key)
            found = await asyncio.to_thread(sheet_of, details, self.app.workstation.speeds)
        except OffGridError:  # it went away in this moment
            found = Sheet(row)
        self._sheets[row.key] = found
        return found

    def more_actions(self) -> Sequence[tuple[str, str]]:
        return (("Verify this model: read its files again", "verify"),)

    # ── what can't be done ─────────────────────────────────────────────────────────────────────────────────────────

    def why_not(self, action: str) -> str:
        row = self.row
        if action in ("details", "activate", "get", "remove", "favourite", "stick", "verify") and row is None:
            return NO_ROW
        if row is None:
            return ""
        match action:
            case "get" if is_here(row):
                return "it is here already"
            case "get" if row.state in COMING:
                return ON_ITS_WAY
            case "get" if row.variant is None or row.state is ModelState.UNAVAILABLE:
                return clean_line(row.variant.reason, 60) if row.variant is not None else "it can't be had"
            case "stick":
                return NO_STICKS if is_here(row) else "it is not here"
            case "activate" if row.state is ModelState.ACTIVE:
                return "it answers already"
            case "activate" if row.state is ModelState.BROKEN:
                return "its files are not what they were"
            case "activate" | "remove" | "verify" if not is_here(row):
                return "it is not here"
            case "remove" if row.installed is not None and row.installed.pinned:
                return "it is pinned"
            case "remove" if row.installed is not None and row.installed.origin is Origin.BUNDLED:
                return "it is part of OffGrid"
        return ""

    # ── what is done ───────────────────────────────────────────────────────────────────────────────────────────────

    def action_details(self) -> None:
        from offgrid_tui.ui.catalog.full import FullDetails

        if not self.refused("details") and self.row is not None:
            self.app.push_screen(FullDetails(self.row))

    @tells_errors
    async def action_get(self) -> None:
        from offgrid_tui.ui.catalog.getting import get_model

        if not self.refused("get") and self.row is not None and self.row.variant is not None:
            await get_model(self.app, self.row, self.row.variant)

    def action_stick(self) -> None:
        self.refused("stick")

    def action_activate(self) -> None:
        from offgrid_tui.ui.catalog.using import use_model

        if not self.refused("activate") and self.row is not None:
            use_model(self.app, self.row)

    @tells_errors
    async def action_favourite(self) -> None:
        if not self.refused("favourite") and self.row is not None:
            name = clean_line(self.row.name, 60)
            on = await self.app.workstation.models.favourite(self.row.key)
            self.app.notify(f"{name} is a favourite" if on else f"{name} is no favourite any more")

    async def action_remove(self) -> None:
        from offgrid_tui.ui.catalog.removing import ask_remove

        if not self.refused("remove") and self.row is not None:
            await ask_remove(self.app, self.row)

    def action_verify(self) -> None:
        if not self.refused("verify") and self.row is not None:
            self.app.start(self._verify(self.row))

    async def _verify(self, row: ModelRow) -> None:
        done = await self.app.workstation.models.verify(row.key)
        name = clean_line(row.name, 60)
        if done.model.problem:
            self.app.notify(clean_line(done.model.problem), title=f"{name} is broken", severity="error", timeout=12)
        else:
            self.app.notify(f"{name}: {CHECKS[done.model.check]}")

    def action_import(self) -> None:
        from offgrid_tui.ui.catalog.importing import ask_import

        ask_import(self.app)

    def action_recommend(self) -> None:
        from offgrid_tui.ui.catalog.recommending import Recommendations

        self.app.push_screen(Recommendations(), self._chosen_elsewhere)

    def action_hub(self) -> None:
        from offgrid_tui.ui.catalog.hub import HubSearch

        self.app.push_screen(HubSearch())

    def _chosen_elsewhere(self, key: str | None) -> None:
        """An overlay names a model: go to it."""
        raise NotImplementedError
