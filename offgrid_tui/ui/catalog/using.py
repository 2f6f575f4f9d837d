"""Letting a model answer from now on; one that does not fit is asked about first, with what could be done instead."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from offgrid_tui.fit.model import WORDS, Alternative, Level
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.overlays.questions import Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


def use_model(app: OffGridApp, row: ModelRow) -> None:
    """Make `row` the model that answers. Nothing is loaded before it is asked something, unless the user wants a
    model that does not fit: that is loaded at once, and the engine remembers that it was wanted."""
    too_large = row.verdict is not None and row.verdict.level in (Level.OVER, Level.BLOCKED)
    app.start(_ask(app, row) if too_large else _use(app, row))


async def _ask(app: OffGridApp, row: ModelRow) -> None:
    ways = await asyncio.to_thread(_alternatives, app, row)

    async def answered(yes: bool | None) -> None:
        if yes:
            app.start(_use(app, row, anyway=True))

    question = f"Load {clean_line(row.name, 60)} anyway?"
    app.push_screen(Confirm(question, told(row, ways), yes="Load anyway", no="Don't"), answered)


def told(row: ModelRow, ways: tuple[Alternative, ...]) -> str:
    """Why it does not fit, what loading it means, and what would fit."""
    assert row.verdict is not None
    words = WORDS[row.verdict.level]
    lines = [f"{words.mark} {words.word}: {clean_line(row.verdict.reason)}."]
    if row.verdict.level is Level.BLOCKED:
        lines.append("Other programs may have to give way, or the system may end it.")
    if ways:
        lines += ["", "It would fit:", *(f"  {clean_line(way.text)}" for way in ways[:3])]
    return "\n".join(lines)


def _alternatives(app: OffGridApp, row: ModelRow) -> tuple[Alternative, ...]:
    if row.installed is None:
        return ()
    try:
        return app.workstation.fit.of_header(read_model(row.installed.path)).alternatives
    except (OffGridError, ValueError):
        return ()


async def _use(app: OffGridApp, row: ModelRow, *, anyway: bool = False) -> None:
    """Errors are told by `start`."""
    path = await app.workstation.models.activate(row.key)
    app.choose_model(str(path))
    app.model_was_asked_for = True
    await app.chat_screen.model_changed()
    name = clean_line(row.name, 60)
    app.notify(f"{name} answers from now on")
    if anyway:
        from offgrid_tui.engine.contract import Load

        async for _ in app.workstation.provider.load(Load(uuid.uuid4().hex, str(path), force=True)):
            pass
        app.notify(f"{name} is loaded")
