"""Asks once about a publisher whom no list of known publishers names."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from offgrid_tui.catalog.model import Variant
from offgrid_tui.database.database import Database
from offgrid_tui.downloads.publishers import accept, to_ask_about
from offgrid_tui.foundation.errors import RefusedError


async def agree(database: Database, variants: Iterable[Variant], *, yes: bool) -> None:
    """Go on only if the user takes files of these publishers; a yes is remembered.

    Raises:
        RefusedError: they don't, or nobody can be asked.
    """
    asked = await to_ask_about(database, variants)
    if not asked:
        return
    names = ", ".join(asked)
    if not yes:
        if not sys.stdin.isatty():
            raise RefusedError(
                f"Nobody vouches for {names}",
                detail="It is in no list of known publishers, and nobody can be asked here.",
                mend="Say --yes if you know whose files these are.",
            )
        if not confirmed(f"{names}: in no list of known publishers. Get their files all the same?"):
            raise RefusedError(f"Nothing of {names} was fetched")
    await accept(database, asked)


def confirmed(question: str) -> bool:
    """Ask for a yes on the terminal."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):
        return False
