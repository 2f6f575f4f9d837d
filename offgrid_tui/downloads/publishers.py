"""Publishers in no list of known ones: whose files are asked about once, by whatever front door."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from offgrid_tui.catalog.credibility import asks_first
from offgrid_tui.catalog.model import Variant
from offgrid_tui.database.database import Database
from offgrid_tui.database.state import get_state, put_state
from offgrid_tui.foundation.text import clean_line

_KEY = "downloads.publishers"  # whose files the user took before, in lower case


async def to_ask_about(database: Database, variants: Iterable[Variant]) -> tuple[str, ...]:
    """Who has to be asked about before `variants` are fetched: organisations, and hosts of files of no repository."""
    known: list[str] = await database.read(lambda conn: get_state(conn, _KEY, []))
    found = {}
    for variant in variants:
        if asks_first(variant.tier) and variant.files:
            who = variant.repository.partition("/")[0] or urlsplit(variant.files[0].url).hostname or ""
            if who.casefold() not in known:
                found[who.casefold()] = clean_line(who)
    return tuple(found.values())


async def accept(database: Database, publishers: Iterable[str]) -> None:
    """The user takes their files; they are not asked about again."""
    names = [name.casefold() for name in publishers]
    await database.write(lambda conn: put_state(conn, _KEY, sorted({*get_state(conn, _KEY, []), *names})))
