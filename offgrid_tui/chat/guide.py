"""Pocket, the guide: the small model inside the package, which answers where nobody has brought another one."""

from __future__ import annotations

from pathlib import Path, PurePath

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.settings.schema import ChatSettings
from offgrid_tui.system.resources import package_file

NAME = "Pocket"
LABEL = "guide"
_FILE = ("starter", "pocket.gguf")


def guide() -> str | None:
    """The path of the guide's file; None where this copy of OffGrid carries none."""
    try:
        return str(package_file(*_FILE))
    except DamagedError:
        return None


def is_guide(model: str | None) -> bool:
    """Whether `model` is the guide, of this installation or of the one that a chat was begun with."""
    return model is not None and PurePath(model).parts[-3:] == ("offgrid_tui", *_FILE)


def here(model: str | None) -> str | None:
    """`model`, or where the guide lies now if that is what it is: installations move."""
    return guide() or model if is_guide(model) else model


def usual_model(chosen: str | None, recent: tuple[str, ...], folder: Path) -> str | None:
    """Who answers where nobody was named: the model of the settings, the one used last, the newest in `folder`, and
    the guide only where there is none of these.

    Args:
        recent: models that were used, the last one first; those whose file is gone are passed over.
        folder: the folder of installed models.
    """
    if chosen:
        return str(Path(chosen).expanduser().absolute())
    last = next((model for model in recent if not is_guide(model) and Path(model).is_file()), None)
    return last or _newest(folder) or guide()


def temperature(model: str | None, settings: ChatSettings, *, chosen: bool) -> float:
    """How freely `model` chooses its words. The guide says what is likeliest, unless the user has chosen otherwise:
    it is asked for facts, and a small model strays."""
    return settings.temperature if chosen or not is_guide(model) else 0.0


def _newest(folder: Path) -> str | None:
    """The whole model that came last: no projector, and of a split set its first file."""
    found: list[tuple[float, str]] = []
    for path in folder.rglob("*.gguf"):
        name = path.name.lower()
        if "mmproj" in name or ("-of-" in name and "-00001-of-" not in name):
            continue
        try:
            found.append((path.stat().st_mtime, str(path)))
        except OSError:  # it went away meanwhile
            continue
    return max(found, default=(0.0, None))[1]
