"""Small things worth remembering, by key: the last model, what was open. Values are JSON."""

from __future__ import annotations

import json
from typing import Any

import apsw


def get_state(connection: apsw.Connection, key: str, default: Any = None, *, owner: str = "local") -> Any:
    """What was last put under `key`, or `default`."""
    text = connection.execute("SELECT value FROM state WHERE owner = ? AND key = ?", (owner, key)).get
    return default if text is None else json.loads(text)


def put_state(connection: apsw.Connection, key: str, value: Any, *, owner: str = "local") -> None:
    """Remember `value` (what JSON can hold) under `key`; None forgets it. Call it inside `Database.write`."""
    if value is None:
        connection.execute("DELETE FROM state WHERE owner = ? AND key = ?", (owner, key))
    else:
        connection.execute(
            "INSERT INTO state (owner, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value",
            (owner, key, json.dumps(value, ensure_ascii=False)),
        )
