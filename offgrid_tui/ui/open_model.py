"""Opening a model file: recent ones, those in the models folder, or any path, completed with tab."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.ui.overlays.picker import Item, Picked, Picker

if TYPE_CHECKING:
    from offgrid_tui.ui.app import OffGridApp

MAX_FOUND = 500  # files of the models folder
MAX_LISTED = 2000  # entries of a folder that is typed


async def open_model(app: OffGridApp) -> None:
    """Let the user choose a model file; the next message is asked of it."""
    await app.opened.wait()
    recent = [path for path in await app.workstation.recent.list() if Path(path).is_file()]
    known = await asyncio.to_thread(_in_folder, app.paths.models)
    offered = list(dict.fromkeys([*recent, *known]))

    def find(text: str) -> list[Item]:
        if text.startswith(("/", "~", "./", "../")):
            return _listing(text)
        words = text.lower().split()
        return [
            Item(path, Path(path).name, "in use" if path == app.model else _size(path), note=_folder(path))
            for path in offered
            if all(word in path.lower() for word in words)
        ]

    def picked(result: Picked | None) -> None:
        if result is None:
            return
        path = Path(result.id or result.text).expanduser().absolute()
        if not path.is_file():
            app.notify(f"There is no file {clean_line(str(path))}", severity="warning")
            return
        app.choose_model(str(path))
        app.model_was_asked_for = True
        app.call_next(app.chat_screen.model_changed)

    hint = "A name to filter by, or a path: /, ~ or ./ begins one, tab completes"
    app.push_screen(Picker("Open a model", find, hint=hint, complete=complete, free=True), picked)


def complete(text: str, chosen: str) -> str:
    """What tab makes of `text`: the chosen entry, with the home folder written as it was typed."""
    if not chosen:
        return text
    home = str(Path.home())
    return "~" + chosen.removeprefix(home) if text.startswith("~") and chosen.startswith(home + "/") else chosen


def _in_folder(folder: Path) -> list[str]:
    found = sorted(str(path) for path in folder.rglob("*.gguf"))
    return found[:MAX_FOUND]


def _listing(text: str) -> list[Item]:
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
