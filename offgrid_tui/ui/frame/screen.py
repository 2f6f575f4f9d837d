"""The frame that every screen stands in, and what a screen owes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static, Tab, Tabs

from offgrid_tui.ui.frame.keybar import KeyBar, KeyHint, hints
from offgrid_tui.ui.frame.status import StatusLine

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

TICK = 0.5  # seconds between two looks at the pulse


class FrameScreen(Screen[None]):
    """Strip, body, status line, footer. A screen fills the body and says why an action can't be taken."""

    MODE = ""  # its name in the strip
    TITLE_IN_HELP = ""
    app: OffGridApp

    def compose(self) -> ComposeResult:
        with Horizontal(id="strip"):
            yield Static(Content.styled("OffGrid", "bold $accent"), id="brand", markup=False)
            yield Tabs(
                *(
                    Tab(Content.assemble((f"{mode.key} ", "$muted"), mode.title), id=mode.name)
                    for mode in self.app.modes
                ),
                active=self.MODE,
            )
            yield Static(self._mark(), id="mark", markup=False)
        yield from self.compose_body()
        yield StatusLine(self.app.pulse, lambda: self.app.drawing)
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        raise NotImplementedError

    def _mark(self) -> Content:
        return Content.styled("off-grid" if self.app.offgrid else "", "$ok")

    def on_mount(self) -> None:
        self.query_one(Tabs).can_focus = False
        self._timer = self.set_interval(TICK, self.tick)

    def on_screen_suspend(self) -> None:
        if not isinstance(self.app.screen, ModalScreen):  # under an overlay the frame is still seen
            self._timer.pause()

    def on_screen_resume(self) -> None:
        self._timer.resume()
        self.query_one(Tabs).active = self.MODE  # where another one was clicked to go there
        self.tick()

    def tick(self) -> None:
        self.query_one(StatusLine).tick()

    @on(Tabs.TabActivated)
    def _tab_chosen(self, event: Tabs.TabActivated) -> None:
        event.stop()
        if event.tab.id and event.tab.id != self.MODE and self.is_current:
            self.app.action_mode(event.tab.id)

    # ── what the user can do here ──────────────────────────────────────────────────────────────────────────────────

    def why_not(self, action: str) -> str:
        """Why `action` can't be taken now, in a few words; empty where it can."""
        return ""

    def refused(self, action: str) -> bool:
        """Say why `action` can't be taken now. True where that is so."""
        if reason := self.why_not(action):
            self.app.notify(reason[0].upper() + reason[1:])
        return bool(reason)

    def more_actions(self) -> Sequence[tuple[str, str]]:
        """What the palette offers beside the keys: a label, and the action of this screen."""
        return ()

    def key_groups(self) -> Sequence[tuple[str, Sequence[KeyHint]]]:
        """The keys for the help: of what has the focus, of the screen, everywhere; last, how to move."""
        groups: dict[str, list[KeyHint]] = {name: [] for name in ("Here", "On this screen", "Everywhere", "Moving")}
        for node, hint in hints(self):
            if hint.id is None:  # Textual's own: cursor keys and the like
                name = "Moving"
            else:
                name = "Everywhere" if node is self.app else "On this screen" if node is self else "Here"
            groups[name].append(hint)
        return tuple(groups.items())
