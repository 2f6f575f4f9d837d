"""Finds the data files that ship with OffGrid: in the installed package, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.foundation.errors import DamagedError

_PACKAGE = Path(__file__).resolve().parent.parent


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


def package_file(*parts: str) -> Path:
    """A data file that lies in the package itself, both in a wheel and in a checkout.

    Raises:
        DamagedError: it is not there.
    """
    path = _PACKAGE.joinpath(*parts)
    if path.is_file():
        return path
    raise DamagedError(
        f"OffGrid's own file {path.name} is missing",
        detail=f"It should be at {path}.",
        mend="Install OffGrid again: pip install --force-reinstall offgrid-tui.",
    )
