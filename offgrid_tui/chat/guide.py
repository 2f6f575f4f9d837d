"""Pocket, the guide: the small model inside the package, which answers where nobody has brought another one."""

from __future__ import annotations

from collections.abc import Iterable, Set
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.resources import STARTER_MODEL

if TYPE_CHECKING:  # what it stands on costs 15 ms
    from offgrid_tui.library.model import InstalledModel

NAME = "Pocket"
LABEL = "guide"


def guide() -> str | None:
    """The path of the guide's file; None where this copy of OffGrid carries none."""
    return str(STARTER_MODEL) if STARTER_MODEL.is_file() else None


def is_guide(model: str | None) -> bool:
    """Whether `model` is the guide, of this installation or of the one that a chat was begun with."""
    return model is not None and PurePath(model).parts[-3:] == STARTER_MODEL.parts[-3:]


def here(model: str | None) -> str | None:
    """`model`, or where the guide lies now if that is what it is: installations move."""
    return guide() or model if is_guide(model) else model


def usual_model(recent: Iterable[str], installed: Iterable[InstalledModel], folder: Path) -> str | None:
    """Who answers where nobody was named: the model used last, else the newest that is here and can be talked to, and
    the guide only where there is none.

    Args:
        recent: models that were used, the last one first; those whose file is gone are passed over.
        installed: what the library knows.
        folder: where models lie; what was put there by hand may not be known yet.
    """
    last = next((model for model in recent if not is_guide(model) and Path(model).is_file()), None)
    if last is not None:
        return last
    known = tuple(installed)
    talking = [model for model in known if not model.problem and _talks(model) and model.path.is_file()]
    newest = max(talking, key=lambda model: (model.last_used or 0.0, model.installed), default=None)
    if newest is not None:
        return str(newest.path)
    return _newest(folder, {str(file.path) for model in known for file in model.files}) or guide()


def temperature(model: str | None, settings: Settings) -> float:
    """How freely `model` chooses its words. The guide says what is likeliest, unless the user has chosen otherwise:
    it is asked for facts, and a small model strays."""
    chosen = settings.origin("chat.temperature").source != "default"
    return settings.chat.temperature if chosen or not is_guide(model) else 0.0


def _talks(model: InstalledModel) -> bool:
    """Whether it answers in words: what is made for embeddings does not."""
    return "embedding" not in model.facts.capabilities or "chat" in model.facts.capabilities


def _newest(folder: Path, known: Set[str]) -> str | None:
    """The whole model that came last, of those not `known`: no projector, and of a split set its first file."""
    found: list[tuple[float, str]] = []
    for path in folder.rglob("*.gguf"):
        name = path.name.lower()
        if str(path) in known or "mmproj" in name or ("-of-" in name and "-00001-of-" not in name):
            continue
        try:
            found.append((path.stat().st_mtime, str(path)))
        except OSError:  # it went away meanwhile
            continue
    return max(found, default=(0.0, None))[1]
