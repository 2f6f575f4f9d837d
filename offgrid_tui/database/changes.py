"""The change log: what was changed, so that other processes on the same home look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apsw

_KEPT = 5000  # entries; older ones are trimmed
_TRIM_EVERY = 500

ORIGIN_FUNCTION = "change_origin"  # an SQL function of each connection of ours


@dataclass(frozen=True, slots=True)
class Change:
    """`key` (of `topic`, as its capability defines both) was changed by another process. An empty `key`: anything of
    the topic may have changed, since the log was trimmed before we could read it."""

    seq: int
    topic: str
    key: str


def record_change(connection: apsw.Connection, topic: str, key: str) -> None:
    """Tell other processes, once the running write is committed. Call it inside `Database.write`."""
    seq = connection.execute(
        f"INSERT INTO changes (topic, key, origin) VALUES (?, ?, {ORIGIN_FUNCTION}()) RETURNING seq", (topic, key)
    ).get
    if seq % _TRIM_EVERY == 0:
        connection.execute("DELETE FROM changes WHERE seq <= ?", (seq - _KEPT,))


def newest_seq(connection: apsw.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM changes").get)


def changes_since(
    connection: apsw.Connection, seq: int, topics: Iterable[str], origin: str
) -> tuple[int, list[Change]]:
    """What others than `origin` changed after `seq`, each (topic, key) once; and the newest seq there is."""
    newest = newest_seq(connection)
    wanted = sorted(set(topics))
    oldest = connection.execute("SELECT min(seq) FROM changes").get
    if oldest is not None and oldest > seq + 1:
        return newest, [Change(newest, topic, "") for topic in wanted]
    marks = ", ".join("?" * len(wanted))
    rows = connection.execute(
        f"SELECT max(seq), topic, key FROM changes WHERE seq > ? AND origin <> ? AND topic IN ({marks})"
        " GROUP BY topic, key ORDER BY max(seq)",
        (seq, origin, *wanted),
    )
    return newest, [Change(*row) for row in rows]
