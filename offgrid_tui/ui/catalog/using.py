"""Letting a model answer from now on; one that is too large is asked about first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offgrid_tui.fit.model import WORDS, Level
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.overlays.questions import Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


def use_model(app: OffGridApp, row: ModelRow) -> None:
    """Make `row` the model that answers. Nothing is loaded before it is asked something."""
    verdict = row.verdict
    if verdict is None or verdict.level not in (Level.OVER, Level.BLOCKED):
        app.start(_use(app, row))
        return

    async def answered(yes: bool | None) -> None:
        if yes:
            await _use(app, row)

    words = WORDS[verdict.level]
    detail = f"{words.mark} {words.word}: {clean_line(verdict.reason)}."
    if verdict.level is Level.BLOCKED:
        detail += "\nLoading it may be refused."
    question = f"Use {clean_line(row.name, 60)} although it does not fit?"
    app.push_screen(Confirm(question, detail, yes="Use it", no="Don't"), answered)


async def _use(app: OffGridApp, row: ModelRow) -> None:
    try:
        path = await app.workstation.models.activate(row.key)
    except OffGridError as error:
        app.notify_error(error)
        return
    app.choose_model(str(path))
    app.model_was_asked_for = True
    await app.chat_screen.model_changed()
    app.notify(f"{clean_line(row.name, 60)} answers from now on")
