"""The user's own short names for models, in SQLite. Every function gets the connection of the transaction.

Each write is noted in the change log, under the topic `alias`, the short name as key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offgrid_tui.catalog.errors import BadAlias
from offgrid_tui.database.changes import record_change

if TYPE_CHECKING:
    import apsw

TOPIC = "alias"

_ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(:[a-z0-9._-]{1,32})?")


def check_alias(alias: str) -> str:
    """`alias` as it is kept: in lower case.

    Raises:
        BadAlias: it would be taken for a path, an address or a repository, or holds what is hard to type.
    """
    found = alias.strip().casefold()
    if not _ALIAS.fullmatch(found):
        raise BadAlias(alias, "It would not be told from a path, an address or a repository.")
    if found.endswith(".gguf"):
        raise BadAlias(alias, "It looks like the name of a file.")
    return found


def aliases(conn: apsw.Connection, owner: str = "local") -> dict[str, str]:
    """Short name -> what it stands for, by short name."""
    rows = conn.execute("SELECT alias, target FROM model_aliases WHERE owner = ? ORDER BY alias", (owner,))
    return {str(alias): str(target) for alias, target in rows}


def set_alias(conn: apsw.Connection, alias: str, target: str, when: float, owner: str = "local") -> None:
    """Let `alias` stand for `target`, whatever it stood for before. `when` in Unix seconds.

    Raises:
        BadAlias: as `check_alias`, or it would stand for itself.
    """
    found = check_alias(alias)
    if found == target.strip().casefold():
        raise BadAlias(alias, "It would stand for itself.")
    conn.execute(
        "INSERT INTO model_aliases (owner, alias, target, created) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (owner, alias) DO UPDATE SET target = excluded.target, created = excluded.created",
        (owner, found, target, when),
    )
    record_change(conn, TOPIC, found)


def remove_alias(conn: apsw.Connection, alias: str, owner: str = "local") -> bool:
    """Forget `alias`; whether there was one."""
    found = alias.strip().casefold()
    conn.execute("DELETE FROM model_aliases WHERE owner = ? AND alias = ?", (owner, found))
    if not conn.changes():
        return False
    record_change(conn, TOPIC, found)
    return True
