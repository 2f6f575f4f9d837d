"""What can be wrong with a name that somebody typed for a model."""

from __future__ import annotations

from offgrid_tui.foundation.errors import NotFoundError, UsageError
from offgrid_tui.foundation.text import clean_line

_SHOWN = 8  # candidates in a message


class UnknownName(NotFoundError):
    """Nothing has this name; `near` are names like it, the likest first."""

    def __init__(self, name: str, *, why: str = "", near: tuple[str, ...] = (), mend: str = "") -> None:
        detail = " ".join(part for part in (why, f"Near it: {_listed(near)}." if near else "") if part)
        super().__init__(
            f"Nothing is called {clean_line(name, 100)}" if name.strip() else "No name was given",
            detail=detail,
            mend=mend or "See `offgrid catalog` for what can be had and `offgrid list` for what is here.",
        )
        self.near = near


class AmbiguousName(UsageError):
    """Several things have this name; `candidates` are longer names, of which each means one."""

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            f"{clean_line(name, 100)} could mean {len(candidates)} things",
            detail=f"They are: {_listed(candidates)}.",
            mend="Give one of these names.",
        )
        self.candidates = candidates


class BadAlias(UsageError):
    """A short name that cannot be one."""

    def __init__(self, alias: str, why: str) -> None:
        super().__init__(
            f"{clean_line(alias, 60)} cannot be a short name",
            detail=why,
            mend="Take letters, digits, dots, hyphens and at most one colon: fast, work:code.",
        )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(clean_line(name, 100) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
