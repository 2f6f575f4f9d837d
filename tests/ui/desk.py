"""A workstation on a screen of its own: the real app, database and services, and answers by script."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot

from offgrid_tui.chat.model import Turn, TurnState
from offgrid_tui.foundation.events import Bus
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths
from offgrid_tui.ui.app import OffGridApp
from offgrid_tui.ui.chat.composer import Composer
from offgrid_tui.ui.chat.screen import ChatScreen
from offgrid_tui.ui.chat.transcript import Transcript
from offgrid_tui.workstation import Workstation
from tests.support.scripted import Script, ScriptedProvider

DEADLINE = 20.0  # seconds; generous, since nothing here waits for a time


@dataclass
class Desk:
    """What a test has in its hands."""

    app: OffGridApp
    pilot: Pilot[None]
    provider: ScriptedProvider

    @property
    def screen(self) -> ChatScreen:
        return self.app.chat_screen

    @property
    def transcript(self) -> Transcript:
        return self.screen.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        return self.screen.query_one(Composer)

    @property
    def answers(self) -> list[Turn]:
        return [turn for turn in self.transcript.turns if turn.role == "assistant"]

    async def until(self, fact: Callable[[], Any], what: str) -> None:
        """Wait for a fact."""
        loop = asyncio.get_running_loop()
        end = loop.time() + DEADLINE
        while not fact():
            if loop.time() > end:
                raise AssertionError("\n".join([f"never came: {what}", *self.lines(), *self.toasts()]))
            await self.pilot.pause(0.02)

    async def write(self, text: str) -> None:
        self.composer.focus()
        self.composer.text = text
        await self.pilot.press("enter")

    async def ask(self, text: str = "Why?") -> Turn:
        """Ask, and wait for the end of the answer."""
        before = len(self.answers)
        await self.write(text)
        await self.until(
            lambda: len(self.answers) > before and self.answers[-1].state is not TurnState.RUNNING, "an answer"
        )
        await self.pilot.pause()
        return self.answers[-1]

    def lines(self) -> list[str]:
        """What the screen shows, line by line."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).ljust(width) for strip in strips][:height]

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def toasts(self) -> list[str]:
        return [f"{n.title} {n.message}".strip() for n in self.app._notifications]


@asynccontextmanager
async def open_desk(
    home: Paths,
    script: str | Script | Sequence[str | Script] | Callable[..., str | Script] = "A scripted answer.",
    *,
    size: tuple[int, int] = (80, 24),
    model: str | None = "/models/scripted-1b.gguf",
    settings: Settings | None = None,
    **ui: Any,
) -> AsyncIterator[Desk]:
    """Open the app on `home`; `ui` sets single settings of its section."""
    settings = settings or Settings()
    settings = dataclasses.replace(settings, ui=dataclasses.replace(settings.ui, **ui))
    provider = ScriptedProvider(script)

    async def opener(bus: Bus) -> Workstation:
        return await Workstation.open(home, settings, provider=provider, bus=bus)

    app = OffGridApp(home, settings, model, opener=opener)
    async with app.run_test(size=size, notifications=True) as pilot:
        async with asyncio.timeout(DEADLINE):
            await app.opened.wait()
        await pilot.pause()
        yield Desk(app, pilot, provider)
