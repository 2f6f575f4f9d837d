"""Conversations and turns in SQLite. Every function gets the connection of the transaction that it is part of.

Each write is noted in the change log: topic `conversation` or `turn`, the id as key. A running answer carries the name
of the process that writes it, so that the answers of one that died can be told from those that still come.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from offgrid_tui.chat.model import Conversation, Figures, Turn, TurnState
from offgrid_tui.database.changes import record_change

if TYPE_CHECKING:
    import apsw

CONVERSATION_TOPIC = "conversation"
TURN_TOPIC = "turn"
TOPICS = (CONVERSATION_TOPIC, TURN_TOPIC)

_CONVERSATION = "id, title, created, updated, leaf, model, system, owner"
_TURN = (
    "id, conversation, parent, role, content, created, state, thinking, model, model_name, quantisation, provider, "
    "parameters, figures, error"
)
_FIGURES = frozenset(f.name for f in dataclasses.fields(Figures))


# ── conversations ──────────────────────────────────────────────────────────────────────────────────────────────────


def add_conversation(conn: apsw.Connection, conversation: Conversation) -> None:
    conn.execute(
        f"INSERT INTO conversations ({_CONVERSATION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        dataclasses.astuple(conversation),
    )
    record_change(conn, CONVERSATION_TOPIC, conversation.id)


def conversations(conn: apsw.Connection, owner: str) -> tuple[Conversation, ...]:
    """All that were not deleted, the one that was used last first."""
    rows = conn.execute(
        f"SELECT {_CONVERSATION} FROM conversations WHERE owner = ? AND deleted IS NULL ORDER BY updated DESC, id",
        (owner,),
    )
    return tuple(Conversation(*row) for row in rows)


def conversation(conn: apsw.Connection, id: str) -> Conversation | None:
    """The conversation `id`; None where there is none, or it was deleted."""
    row = conn.execute(f"SELECT {_CONVERSATION} FROM conversations WHERE id = ? AND deleted IS NULL", (id,)).fetchone()
    return None if row is None else Conversation(*row)


def update_conversation(conn: apsw.Connection, conversation: Conversation) -> None:
    """Write title, updated, leaf, model and system."""
    conn.execute(
        "UPDATE conversations SET title = ?, updated = ?, leaf = ?, model = ?, system = ? WHERE id = ?",
        (
            conversation.title,
            conversation.updated,
            conversation.leaf,
            conversation.model,
            conversation.system,
            conversation.id,
        ),
    )
    record_change(conn, CONVERSATION_TOPIC, conversation.id)


def set_deleted(conn: apsw.Connection, id: str, when: float | None) -> bool:
    """Delete conversation `id` (Unix seconds), or bring it back (None); whether that changed anything."""
    was = "NOT NULL" if when is None else "NULL"
    conn.execute(f"UPDATE conversations SET deleted = ? WHERE id = ? AND deleted IS {was}", (when, id))
    if not conn.changes():
        return False
    record_change(conn, CONVERSATION_TOPIC, id)
    return True


# ── turns ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_turn(conn: apsw.Connection, turn: Turn, owner: str, writer: str | None = None) -> None:
    """Add `turn`; a running one with the name of the process that writes it."""
    conn.execute(
        f"INSERT INTO turns ({_TURN}, owner, writer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            turn.id,
            turn.conversation,
            turn.parent,
            turn.role,
            turn.content,
            turn.created,
            turn.state.value,
            turn.thinking,
            turn.model,
            turn.model_name,
            turn.quantisation,
            turn.provider,
            None if turn.parameters is None else json.dumps(turn.parameters),
            _figures_text(turn.figures),
            turn.error,
            owner,
            writer,
        ),
    )
    record_change(conn, TURN_TOPIC, turn.id)


def turn(conn: apsw.Connection, id: str) -> Turn | None:
    row = conn.execute(f"SELECT {_TURN} FROM turns WHERE id = ?", (id,)).fetchone()
    return None if row is None else _turn(row)


def branch(conn: apsw.Connection, leaf: str | None) -> tuple[Turn, ...]:
    """The turns from the root of the tree to `leaf`."""
    rows = conn.execute(
        f"""
        WITH RECURSIVE up (id, parent, depth) AS (
            SELECT id, parent, 0 FROM turns WHERE id = ?
            UNION ALL
            SELECT turns.id, turns.parent, depth + 1 FROM turns JOIN up ON turns.id = up.parent
        )
        SELECT {", ".join(f"turns.{name}" for name in _TURN.split(", "))}
        FROM up JOIN turns ON turns.id = up.id ORDER BY up.depth DESC
        """,
        (leaf,),
    )
    return tuple(_turn(row) for row in rows)


def siblings(conn: apsw.Connection, id: str) -> tuple[Turn, ...]:
    """The turns that stand where `id` stands, itself included, in the order in which they came."""
    rows = conn.execute(
        f"""
        SELECT {_TURN} FROM turns
        WHERE (conversation, parent IS NULL, coalesce(parent, '')) =
              (SELECT conversation, parent IS NULL, coalesce(parent, '') FROM turns WHERE id = ?)
        ORDER BY rowid
        """,
        (id,),
    )
    return tuple(_turn(row) for row in rows)


def newest_leaf(conn: apsw.Connection, id: str) -> str:
    """The end of the branch through `id` that takes the newest turn at each fork below it."""
    while row := conn.execute("SELECT id FROM turns WHERE parent = ? ORDER BY rowid DESC LIMIT 1", (id,)).fetchone():
        id = str(row[0])
    return id


def save_answers(conn: apsw.Connection, turns: Iterable[Turn], writer: str) -> None:
    """Write what came of the answers of `writer`, and how they ended where they have. Whatever another process made of
    them meanwhile: who writes an answer knows best."""
    for turn in turns:
        conn.execute(
            """
            UPDATE turns SET content = ?, thinking = ?, state = ?, model_name = ?, quantisation = ?, figures = ?,
                             error = ?
            WHERE id = ? AND writer = ?
            """,
            (
                turn.content,
                turn.thinking,
                turn.state.value,
                turn.model_name,
                turn.quantisation,
                _figures_text(turn.figures),
                turn.error,
                turn.id,
                writer,
            ),
        )
        record_change(conn, TURN_TOPIC, turn.id)


def writers_of_running(conn: apsw.Connection) -> frozenset[str]:
    """The names of the processes that have answers in work."""
    rows = conn.execute("SELECT DISTINCT coalesce(writer, '') FROM turns WHERE state = 'running'")
    return frozenset(str(writer) for (writer,) in rows)


def stop_orphans(conn: apsw.Connection, is_alive: Callable[[str], bool]) -> tuple[Turn, ...]:
    """Answers whose process has gone become STOPPED, with what came of them. Returns them as they now are."""
    stopped: list[Turn] = []
    rows = conn.execute(f"SELECT coalesce(writer, ''), {_TURN} FROM turns WHERE state = 'running'").fetchall()
    for writer, *fields in rows:
        if is_alive(str(writer)):
            continue
        turn = _turn(fields).moved(TurnState.STOPPED)
        conn.execute("UPDATE turns SET state = ? WHERE id = ?", (turn.state.value, turn.id))
        record_change(conn, TURN_TOPIC, turn.id)
        stopped.append(turn)
    return tuple(stopped)


def _turn(row: Sequence[Any]) -> Turn:
    values = dict(zip(_TURN.split(", "), row, strict=True))
    values["state"] = TurnState(values["state"])
    values["parameters"] = None if values["parameters"] is None else json.loads(values["parameters"])
    # A newer OffGrid may have measured more: what this one doesn't know is left aside, not a reason to fail.
    figures = json.loads(values["figures"] or "{}")
    values["figures"] = Figures(**{name: value for name, value in figures.items() if name in _FIGURES})
    return Turn(**values)


def _figures_text(figures: Figures) -> str:
    return json.dumps({name: value for name, value in dataclasses.asdict(figures).items() if value is not None})
