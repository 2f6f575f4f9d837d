"""Choosing who answers: models that are here, or any file by its path, completed with tab."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.fit.model import WORDS
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.model import ModelState
from offgrid_tui.models.model import ModelRow
from offgrid_tui.ui.ages import ago
from offgrid_tui.ui.catalog.cells import speed_text
from offgrid_tui.ui.catalog.using import use_model
from offgrid_tui.ui.overlays.picker import Item, Picked, Picker

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

MAX_FOUND = 500  # files of the models folder
MAX_LISTED = 2000  # entries of a folder that is typed


async def open_model(app: OffGridApp) -> None:
    """Let the user choose a model that is here, or any file; the next message is asked of it."""
    await app.opened.wait()
    models = app.workstation.models
    await models.ready()
    rows = [row for row in models.rows() if row.installed is not None]
    here = sorted(await asyncio.to_thread(app.workstation.speeds.of_rows, rows), key=_first)
    listed = {str(file.path) for row in here if row.installed for file in row.installed.files}
    recent = [path for path in await app.workstation.recent.list() if Path(path).is_file()]
    loose = await asyncio.to_thread(_in_folder, app.paths.models)
    files = [path for path in dict.fromkeys([*recent, *loose]) if path not in listed]
    now = time.time()
    offered = [*(_of_row(row, app.model, now) for row in here), *(_of_file(path, app.model) for path in files)]

    def find(text: str) -> list[Item]:
        if text.startswith(("/", "~", "./", "../")):
            return list_folder(text)
        words = text.casefold().split()
        return [
            item for item in offered if all(word in f"{item.label} {item.note} {item.id}".casefold() for word in words)
        ]

    def picked(result: Picked | None) -> None:
        if result is None:
            return
        path = Path(result.id or result.text).expanduser().absolute()
        if not path.is_file():
            app.notify(f"There is no file {clean_line(str(path))}", severity="warning")
        elif (row := models.row_of(path)) is not None:
            use_model(app, row)
        else:
            app.choose_model(str(path))
            app.model_was_asked_for = True
            app.call_next(app.chat_screen.model_changed)

    hint = "A name to filter by, or a path: /, ~ or ./ begins one, tab completes"
    app.push_screen(Picker("Open a model", find, hint=hint, complete=complete, free=True), picked)


def _first(row: ModelRow) -> tuple[bool, bool, float, str]:
    """What answers now, favourites, and then what was used last."""
    used = row.installed.last_used if row.installed else None
    return row.state is not ModelState.ACTIVE, not row.favourite, -(used or 0.0), row.name.casefold()


def _of_row(row: ModelRow, model: str | None, now: float) -> Item:
    """An installed model: how it fits, how fast it is here, and when it was used."""
    assert row.installed is not None
    path = str(row.installed.path)
    note = " · ".join(part for part in (row.quantisation, bytes_text(row.size)) if part)
    used = "in use" if path == model else ago(row.installed.last_used, now)
    speed = speed_text(row.speed) if row.speed is not None else ""
    words = WORDS[row.verdict.level] if row.verdict else None
    fit = f"{words.mark} {words.word}" if words else ""
    mark = "* " if row.favourite else ""
    broken = clean_line(row.installed.problem) if row.state is ModelState.BROKEN else ""
    return Item(path, mark + row.name, f"{fit:<9}{speed:>9}{used:>12}", broken, note)


def _of_file(path: str, model: str | None) -> Item:
    return Item(path, Path(path).name, "in use" if path == model else _size(path), note=_folder(path))


def complete(text: str, chosen: str) -> str:
    """What tab makes of `text`: the chosen entry, with the home folder written as it was typed."""
    if not chosen:
        return text
    home = str(Path.home())
    return "~" + chosen.removeprefix(home) if text.startswith("~") and chosen.startswith(home + "/") else chosen


def _in_folder(folder: Path) -> list[str]:
    found = sorted(str(path) for path in folder.rglob("*.gguf"))
    return found[:MAX_FOUND]


def list_folder(text: str) -> list[Item]:
    """Folders and GGUF files that begin with the typed path. A name that can't be shown as it is can't be typed
    either, and is left out."""
    typed = os.path.expanduser(text)  # noqa: PTH111 - keeps the trailing slash that pathlib drops
    folder, start = (typed, "") if typed.endswith("/") else os.path.split(typed)
    folders: list[Item] = []
    files: list[Item] = []
    try:
        with os.scandir(folder or "/") as entries:
            for _, entry in zip(range(MAX_LISTED), entries, strict=False):
                name = entry.name
                if not name.startswith(start) or name.startswith(".") > start.startswith("."):
                    continue
                path = os.path.join(folder, name)  # noqa: PTH118 - as typed, not normalised
                if entry.is_dir():
                    folders.append(Item(path + "/", name + "/"))
                elif name.endswith(".gguf"):
                    files.append(Item(path, name, bytes_text(entry.stat().st_size)))
    except OSError:
        return []
    return sorted(folders, key=lambda i: i.label) + sorted(files, key=lambda i: i.label)


def _folder(path: str) -> str:
    folder, home = str(Path(path).parent), str(Path.home())
    return "~" + folder.removeprefix(home) if f"{folder}/".startswith(f"{home}/") else folder


def _size(path: str) -> str:
    try:
        return bytes_text(Path(path).stat().st_size)
    except OSError:
        return ""
