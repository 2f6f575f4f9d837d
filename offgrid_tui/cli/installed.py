"""What the commands of the library share: finding an installed model by name, its JSON, and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from offgrid_tui.cli.models import Opened
from offgrid_tui.cli.progress import ProgressLine
from offgrid_tui.foundation.errors import BusyError, NotFoundError, OffGridError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.library.events import LibraryProgressed
from offgrid_tui.library.importing import Refused
from offgrid_tui.library.model import InstalledModel
from offgrid_tui.models.model import ModelRow

_DOING = {
    "import": "importing",
    "verify": "reading",
    "adopt": "adopting",
    "move": "moving",
    "reconcile": "reading",
    "export": "writing",
    "check": "reading",
}


def installed_row(opened: Opened, name: str) -> ModelRow:
    """The row of the installed model that `name` means.

    Raises:
        UnknownName, AmbiguousName: see catalog/resolver.py.
        NotFoundError: it means a model that is not here.
    """
    found = opened.resolver.resolve(name)
    row = opened.row(found)
    if row is None or row.installed is None:
        raise NotFoundError(
            f"{clean_line(name)} is not installed",
            detail=f"It is {found.why}." if found.why else "",
            mend="`offgrid list` shows what is here.",
        )
    return row


async def look(opened: Opened) -> None:
    """Compare the records with the files, as far as that costs milliseconds; a move or an import elsewhere is told."""
    try:
        await opened.models.library.reconcile(read=False)
        await opened.models.refresh()
    except BusyError as error:
        print(f"offgrid: {error.title}; what is shown may be old", file=sys.stderr)


@contextmanager
def progress(opened: Opened) -> Iterator[ProgressLine]:
    """A line on stderr for as long as something is read or copied."""
    line = ProgressLine()

    def show(event: LibraryProgressed) -> None:
        if event.total:
            share = f"{event.done / event.total:.0%}"
            far = f"{share}  {bytes_text(event.done)} of {bytes_text(event.total)}"
            line.show(f"{_DOING[event.work]} {event.what}", far)

    end = opened.bus.subscribe(LibraryProgressed, show)
    try:
        yield line
    finally:
        end()
        line.clear()


def model_json(model: InstalledModel) -> dict[str, Any]:
    """An installed model with its receipt; sizes in bytes, times in Unix seconds."""
    return {
        "id": model.id,
        "name": model.name,
        "origin": model.origin.value,
        "check": model.check.value,
        "problem": model.problem or None,
        "path": str(model.path),
        "size_bytes": model.size,
        "architecture": model.facts.architecture,
        "parameters": model.facts.parameters,
        "quantisation": model.facts.quantisation,
        "context": model.facts.context,
        "licence": model.facts.licence,
        "capabilities": list(model.facts.capabilities),
        "repository": model.repository or None,
        "revision": model.revision or None,
        "publisher": model.publisher or None,
        "source": model.source or None,
        "catalog": model.catalog or None,
        "installed": model.installed,
        "last_used": model.last_used,
        "pinned": model.pinned,
        "files": [
            {"path": str(file.path), "size_bytes": file.size, "sha256": file.sha256, "role": file.role}
            for file in model.files
        ],
    }


def error_json(error: OffGridError) -> dict[str, str]:
    return {"title": error.title, "detail": error.detail, "mend": error.mend}


def refused_json(refused: Refused) -> dict[str, Any]:
    return {"path": str(refused.path), "error": error_json(refused.error)}


def tell_refused(refused: Refused) -> None:
    """One line on stderr."""
    why = refused.error.title + (f": {refused.error.detail}" if refused.error.detail else "")
    print(f"offgrid: {clean_line(str(refused.path), 300)}: {clean_line(why, 300)}", file=sys.stderr)
