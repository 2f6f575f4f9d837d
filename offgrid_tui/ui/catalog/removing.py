"""Removing a model: asks, and says what it frees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.removing import Removal
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.overlays.questions import Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp


async def ask_remove(app: OffGridApp, row: ModelRow) -> None:
    """Remove `row` if the user says so."""
    try:
        plan = await app.workstation.models.plan_removal(row.key)
    except OffGridError as error:
        app.notify_error(error)
        return

    async def answered(yes: bool | None) -> None:
        if yes:
            app.start(_remove(app, row))

    name = clean_line(row.name, 60)
    question = f"Forget {name}?" if plan.forgets_only else f"Remove {name}?"
    app.push_screen(Confirm(question, told(plan), yes="Forget" if plan.forgets_only else "Remove", no="Keep"), answered)


def told(plan: Removal) -> str:
    """What will be deleted, and what stays."""
    kept = [clean_line(f"{path}: {why}") for path, why in plan.kept]
    if plan.forgets_only:
        return "\n".join(["No file is touched.", *kept])
    count = "1 file is" if len(plan.files) == 1 else f"{len(plan.files)} files are"
    return "\n".join([f"{count} deleted, {bytes_text(plan.frees)} come free.", *kept])


async def _remove(app: OffGridApp, row: ModelRow) -> None:
    done = await app.workstation.models.remove(row.key)
    freed = "" if done.removal.forgets_only else f"; {bytes_text(done.removal.frees)} came free"
    app.notify(f"{clean_line(row.name, 60)} was removed{freed}")
