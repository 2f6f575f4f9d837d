"""Importing a file, a split set or a folder: chosen by its path, brought in beside everything else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.importing import Imported, find_sets
from offgrid_tui.library.place import Method
from offgrid_tui.library.sets import FileSet
from offgrid_tui.ui.open_model import complete, list_folder
from offgrid_tui.ui.overlays.picker import Item, Picked, Picker
from offgrid_tui.ui.overlays.questions import Confirm

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

_WAYS = {
    Method.REFLINK: "it shares its bytes with the file that it came from",
    Method.HARDLINK: "linked, so it takes no more space",
    Method.COPY: "copied",
}


def ask_import(app: OffGridApp) -> None:
    """Let the user choose a file or a folder, and bring in what it holds."""
    begin = str(Path.home()) + "/"

    def find(text: str) -> list[Item]:
        found = list_folder(text or begin)
        if text.endswith("/") and any(not item.id.endswith("/") for item in found):
            found.insert(0, Item(text.rstrip("/") or "/", "all models in this folder"))
        return found

    def picked(result: Picked | None) -> None:
        if result is not None and (text := result.id or result.text):
            app.start(import_path(app, Path(text).expanduser().absolute()))

    hint = "The path of a file or a folder; tab completes"
    app.push_screen(Picker("Import a model", find, hint=hint, text="~/", complete=complete, free=True), picked)


async def import_path(app: OffGridApp, path: Path) -> None:
    """Bring in what `path` holds; of several models, if the user says so."""
    sets, refused = await asyncio.to_thread(find_sets, path)
    for one in refused:
        app.notify_error(one.error)
    if len(sets) == 1:
        await _bring(app, sets)
    elif sets:
        size = await asyncio.to_thread(_size, sets)

        async def answered(yes: bool | None) -> None:
            if yes:
                app.start(_bring(app, sets))

        detail = f"{bytes_text(size)} in {clean_line(str(path), 60)}. Nothing there is changed."
        app.push_screen(Confirm(f"Import {len(sets)} models?", detail, yes="Import", no="Don't"), answered)


async def _bring(app: OffGridApp, sets: list[FileSet]) -> None:
    for found in sets:
        try:
            done = await app.workstation.library.import_set(found)
        except OffGridError as error:
            app.notify_error(error)
        else:
            app.notify(told(done), timeout=8)


def told(done: Imported) -> str:
    """What became of it, in a sentence."""
    name = clean_line(done.model.name, 60)
    if done.already or done.method is None:
        return f"{name} was here already"
    proof = "" if done.model.catalog else "; no catalog knows its bytes, so it stays unverified"
    return f"{name} is here: {_WAYS[done.method]}{proof}"


def _size(sets: list[FileSet]) -> int:
    return sum(path.stat().st_size for found in sets for path in found.files)
