"""Searching Hugging Face: what it says now, or what it said before and when."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from offgrid_tui.catalog.hub.model import Found, Search, Sort
from offgrid_tui.catalog.model import CatalogModel
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import NO_VALUE, parameters
from offgrid_tui.ui.ages import ago
from offgrid_tui.ui.catalog.cells import trust_text
from offgrid_tui.ui.catalog.full import FullDetails
from offgrid_tui.ui.overlays.keys_line import keys_line
from offgrid_tui.ui.widgets.table import Column, Table

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

DEBOUNCE = 0.3  # seconds without a key before the hub is asked
KEYS = (("↑↓", "choose"), ("enter", "opens"), ("tab", "sorts"), ("esc", "closes"))
PAGE = 40  # models asked for at once
COLUMNS = (
    Column("name", "Repository", 30, flexible=True),
    Column("parameters", "Params", 6, right=True, rank=2),
    Column("downloads", "Downloads", 9, right=True),
    Column("likes", "Likes", 6, right=True, rank=3),
    Column("updated", "Changed", 10, right=True, rank=1),
    Column("trust", "Trust", 9),
)


class HubSearch(ModalScreen[None]):
    """Type, and what is found stands below; `enter` opens a repository with its files."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="overlay.close"),
        Binding("enter", "open", "Open", id="hub.open", tooltip="Look at its files", priority=True),
        Binding("tab", "order", "Sort", id="hub.order", tooltip="Sort by something else", priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
    ]
    AUTO_FOCUS = "Input"
    app: OffGridApp

    def __init__(self) -> None:
        super().__init__()
        self._search = Search(limit=PAGE)
        self._models: Sequence[CatalogModel] = ()
        self._more = False
        self._asking: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="overlay hub"):
            yield Static(Content.styled("Hugging Face", "bold"), classes="overlay-title", markup=False)
            field = Input(placeholder="Models to search for; owner/ begins with an owner", compact=True)
            field.cursor_blink = False
            yield field
            table = Table(COLUMNS, self._cells, lambda: self.app.drawing)
            table.can_focus = False
            yield table
            yield Static("", classes="overlay-note", markup=False)
            yield Static(keys_line(*KEYS), classes="overlay-keys", markup=False)

    def on_mount(self) -> None:
        self._ask(at_once=True)

    def on_unmount(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    @property
    def table(self) -> Table:
        return self.query_one(Table)

    # ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        author, text = _words(event.value)
        self._search = dataclasses.replace(self._search, page=1, author=author, text=text)
        self._ask(at_once=False)

    def _ask(self, *, at_once: bool) -> None:
        """Ask when nothing was typed for a moment; what was asked before is not waited for any more."""
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.create_task(self._find(self._search, 0.0 if at_once else DEBOUNCE))

    async def _find(self, search: Search, delay: float) -> None:
        await asyncio.sleep(delay)
        hub = self.app.workstation.hub
        self._note("asking Hugging Face…")
        if search.page == 1:
            before = await hub.search(search, offline=True)  # what is known is there at once
            self._show(before, waiting=True)
        try:
            found = await hub.search(search)
        except OffGridError as error:
            self._note(error.title)
            return
        self._show(found, waiting=False)

    def _show(self, found: Found, *, waiting: bool) -> None:
        later = found.search.page > 1
        known = {_repository(model) for model in self._models} if later else set()
        new = [model for model in found.models if _repository(model) not in known]
        self._models = (*self._models, *new) if later else tuple(new)
        self._more = found.more and not waiting
        self.table.empty = Content.styled("" if waiting else "nothing was found", "$muted")
        self.table.show(len(self._models), self.table.cursor if later else 0)
        self._note(_told(found, len(self._models), waiting=waiting))

    def _note(self, text: str) -> None:
        sort = Content.assemble("   sort: ", (self._search.sort.value, "$foreground"))
        self.query_one(".overlay-note", Static).update(
            Content.assemble((text, "$muted"), sort.stylize_before("$muted"))
        )

    # ── the table ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _cells(self, number: int) -> dict[str, Content]:
        model = self._models[number]
        variant = model.variants[0] if model.variants else None
        gated = Content.styled("  gated", "$warn") if variant is not None and variant.gated else Content("")
        return {
            "name": Content.assemble(clean_line(_repository(model), 100), gated),
            "parameters": Content(parameters(model.parameters)),
            "downloads": Content(_count(model.downloads)),
            "likes": Content(_count(model.likes)),
            "updated": Content.styled(ago(model.updated, time.time()) or NO_VALUE, "$muted"),
            "trust": Content.styled(trust_text(variant.tier.value) if variant else NO_VALUE, "$muted"),
        }

    def action_move(self, by: int) -> None:
        if by > 0 and self.table.cursor >= self.table.count - 1 and self._more:
            self._more = False
            self._search = dataclasses.replace(self._search, page=self._search.page + 1)
            self._ask(at_once=True)
        self.table.action_move(by)

    def action_page(self, by: int) -> None:
        self.table.action_page(by)

    def action_order(self) -> None:
        sorts = list(Sort)
        sort = sorts[(sorts.index(self._search.sort) + 1) % len(sorts)]
        self._search = dataclasses.replace(self._search, sort=sort, page=1)
        self._ask(at_once=True)

    @on(Table.Chosen)
    def _chosen(self, event: Table.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        if (row := self.table.row) is not None and row < len(self._models):
            self.app.start(self._open(_repository(self._models[row])))

    async def _open(self, repository: str) -> None:
        from offgrid_tui.models.listed import details_of

        self._note(f"looking at {repository}…")
        station = self.app.workstation
        found = await station.hub.details(repository)
        details = await asyncio.to_thread(details_of, found.model, station.fit)
        self._note(f"{repository}, {_age(found.seen, cached=found.cached)}")
        if found.problem is not None:
            self.app.notify(f"{found.problem.title}. Shown is what was seen before.", severity="warning")
        if self.is_attached:
            self.app.push_screen(FullDetails(details.row, details))

    def action_close(self) -> None:
        self.dismiss(None)


def _words(text: str) -> tuple[str, str]:
    """Owner and words: bartowski/qwen is what that owner has."""
    author, slash, rest = text.partition("/")
    return (author.strip(), rest.strip()) if slash else ("", text.strip())


def _count(number: int | None) -> str:
    """412, 41k, 1.2M."""
    if number is None:
        return NO_VALUE
    if number < 10_000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 999_500 else f"{number / 1e6:.1f}M"


def _repository(model: CatalogModel) -> str:
    return model.variants[0].repository if model.variants else model.name


def _told(found: Found, count: int, *, waiting: bool) -> str:
    if waiting:
        return f"{count} seen before; asking Hugging Face…"
    models = ("1 model" if count == 1 else f"{count} models") + (" and more" if found.more else "")
    if found.problem is not None:
        said = found.problem.title.rstrip(".")
        return (
            f"{said}: {count} seen before, {_age(found.seen, cached=True)}" if count else f"{said}, nothing seen before"
        )
    return f"{models}, {_age(found.seen, cached=found.cached)}"


def _age(seen: float | None, *, cached: bool) -> str:
    if not cached or seen is None:
        return "just asked" if not cached else "age unknown"
    return f"as of {ago(seen, time.time())}"
