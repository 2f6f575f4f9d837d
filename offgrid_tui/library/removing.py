"""Takes a model out of the list, and its files off the disk where they are ours and nobody else's."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.library.errors import Pinned, failed
from offgrid_tui.library.model import InstalledModel, Origin
from offgrid_tui.library.receipt import receipt_path
from offgrid_tui.library.shelf import Shelf
from offgrid_tui.system.durable import sync_folder


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing `model` would do: say it before it is done. `kept` are files that stay, and why."""

    model: InstalledModel
    files: tuple[Path, ...]  # that would be deleted
    frees: int  # bytes on disk
    kept: tuple[tuple[Path, str], ...] = ()

    @property
    def forgets_only(self) -> bool:
        """Whether no file is touched."""
        return not self.files


def plan_removal(shelf: Shelf, model: InstalledModel) -> Removal:
    """What would be deleted.

    Raises:
        RefusedError: it is pinned, or part of the package.
    """
    if model.origin is Origin.BUNDLED:
        raise RefusedError(
            f"{clean_line(model.name)} is part of OffGrid", detail="It lies inside the package and can't be removed."
        )
    if model.pinned:
        raise Pinned(model.name)
    others = {file.path for other in shelf.models() if other.id != model.id for file in other.files}
    root = shelf.folder.resolve()
    files: list[Path] = []
    kept: list[tuple[Path, str]] = []
    frees = 0
    for file in model.files:
        if model.origin is Origin.ADOPTED or not shelf.is_ours(file.path):
            kept.append((file.path, f"belongs to {model.source or 'another tool'}"))
        elif file.path in others:
            kept.append((file.path, "another model uses it too"))
        elif not file.path.parent.resolve().is_relative_to(root):
            kept.append((file.path, "its folder is a link that leads out of the models folder"))
        else:
            with contextlib.suppress(OSError):
                status = file.path.lstat()
                files.append(file.path)
                # With a second name elsewhere the bytes stay where they are.
                frees += status.st_blocks * 512 if status.st_nlink == 1 else 0
                if status.st_nlink > 1:
                    kept.append((file.path, "its bytes have another name elsewhere, so they stay on the disk"))
    return Removal(model, tuple(files), frees, tuple(kept))


def remove(shelf: Shelf, model: InstalledModel) -> Removal:
    """Delete the files and the record. Cut off in between, the record is left, of a model whose files are gone.

    Raises:
        RefusedError: it is pinned, or part of the package.
        OffGridError: a file can't be deleted; the model stays in the list.
    """
    with shelf.lock():
        plan = plan_removal(shelf, model)
        for path in plan.files:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise failed(f"Deleting {path.name}", path, error) from None
        if plan.files:
            with contextlib.suppress(OSError):
                receipt_path(model.path).unlink(missing_ok=True)
            for folder in {path.parent for path in plan.files}:
                with contextlib.suppress(OSError):
                    sync_folder(folder)
                _tidy(folder, shelf.folder)
        shelf.forget(model.id)
    return plan


def _tidy(folder: Path, root: Path) -> None:
    """Delete folders that became empty, up to the models folder."""
    while folder != root and folder.is_relative_to(root):
        try:
            os.rmdir(folder)  # noqa: PTH106 - only where it is empty
        except OSError:
            return
        folder = folder.parent
