"""Finds the data files that ship with OffGrid: in the installed package, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError

_PACKAGE = Path(__file__).resolve().parent.parent
STARTER_MODEL = _PACKAGE / "starter" / "pocket.gguf"  # a copy without it works all the same


def resource(name: str) -> Path:
    """The file or folder `name`: "themes", "constraints.txt".

    A wheel carries them in `offgrid_tui/_data`. An editable install has no such folder; there they are where git has
    them, at the top of the checkout.

    Raises:
        DamagedError: it is in neither place: the installation is incomplete.
    """
    packaged, checkout = _PACKAGE / "_data" / name, _PACKAGE.parent / name
    if packaged.exists():
        return packaged
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.exists():
        return checkout
    raise DamagedError(
        f"OffGrid's own file {name} is missing",
        detail=f"It should be at {packaged}.",
        mend="Install OffGrid again: pip install --force-reinstall offgrid-tui.",
    )
