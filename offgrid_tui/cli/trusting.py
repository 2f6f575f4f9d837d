"""Asks once about a publisher whom no list of known publishers names."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from offgrid_tui.catalog.credibility import asks_first
from offgrid_tui.catalog.model import Variant
from offgrid_tui.database.database import Database
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.foundation.text import clean_line

_KEY = "downloads.publishers"  # whose files the user took before, by organisation


async def agree(database: Database, variants: Iterable[Variant], *, yes: bool) -> None:
    """Go on only if the user takes files of these publishers; a yes is remembered.

    Raises:
        RefusedError: they don't, or nobody can be asked.
    """
    known: list[str] = await database.read(lambda conn: get_state(conn, _KEY, []))
    asked = {}
    for variant in variants:
        if asks_first(variant.tier):
            who = variant.repository.partition("/")[0] or variant.files[0].url.partition("://")[2].partition("/")[0]
            if who.casefold() not in known:
                asked[who.casefold()] = clean_line(who)
    if not asked:
        return
    names = ", ".join(asked.values())
    if not yes:
        if not sys.stdin.isatty():
            raise RefusedError(
                f"Nobody vouches for {names}",
                detail="It is in no list of known publishers, and nobody can be asked here.",
                mend="Say --yes if you know whose files these are.",
            )
        if not confirmed(f"{names}: in no list of known publishers. Get their files all the same?"):
            raise RefusedError(f"Nothing of {names} was fetched")
    known += asked
    await database.write(lambda conn: put_state(conn, _KEY, known))


def confirmed(question: str) -> bool:
    """Ask for a yes on the terminal."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, ValueError):
        return False
