"""Installed models, their files and what a person marked, in SQLite.

Files in our own folder are stored relative to it, so that the folder can be moved; others by their absolute path.
Each write is noted in the change log under `library`, with the model's id (or the mark's key) as key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offgrid_tui.database.changes import record_change
from offgrid_tui.library.model import Check, Facts, InstalledFile, InstalledModel, Origin

if TYPE_CHECKING:
    import apsw

TOPIC = "library"
_MODEL = (
    "id, name, origin, bytes, installed, facts, repository, revision, publisher, source, catalog, last_used, pinned, "
    "problem"
)
_PLACES = ", ".join("?" * 14)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person said about a row of the list, installed or not."""

    favourite: bool = False
    note: str = ""


class LibraryStore:
    """The SQL of one home. `folder` is where our own files are; every function is given the connection of the
    transaction that it is part of."""

    def __init__(self, folder: Path, owner: str = "local") -> None:
        self.folder = folder
        self._owner = owner

    # ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def models(self, conn: apsw.Connection) -> tuple[InstalledModel, ...]:
        """All, by name."""
        files: dict[str, list[InstalledFile]] = {}
        rows = conn.execute(
            "SELECT model, path, size, mtime, sha256, role FROM installed_files WHERE owner = ?"
            " ORDER BY model, position",
            (self._owner,),
        )
        for model, path, size, mtime, sha256, role in rows:
            files.setdefault(model, []).append(InstalledFile(self.folder / path, size, mtime, sha256, role))
        rows = conn.execute(
            f"SELECT {_MODEL} FROM installed_models WHERE owner = ? ORDER BY name COLLATE NOCASE, id", (self._owner,)
        )
        return tuple(_model(row, tuple(files[row[0]])) for row in rows if row[0] in files)

    def put(self, conn: apsw.Connection, model: InstalledModel) -> None:
        """Write `model`, in place of one of the same id. What its user chose (pinned, last used) is as `model` says."""
        conn.execute("DELETE FROM installed_models WHERE id = ?", (model.id,))
        conn.execute(
            f"INSERT INTO installed_models (owner, {_MODEL}) VALUES (?, {_PLACES})",
            (
                self._owner,
                model.id,
                model.name,
                model.origin.value,
                model.check.value,
                model.installed,
                json.dumps(asdict(model.facts), ensure_ascii=False),
                model.repository,
                model.revision,
                model.publisher,
                model.source,
                model.catalog,
                model.last_used,
                int(model.pinned),
                model.problem,
            ),
        )
        conn.executemany(
            "INSERT INTO installed_files (owner, model, position, path, size, mtime, sha256, role)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (self._owner, model.id, n, self.stored(file.path), file.size, file.mtime, file.sha256, file.role)
                for n, file in enumerate(model.files)
            ],
        )
        record_change(conn, TOPIC, model.id)

    def forget(self, conn: apsw.Connection, ids: Iterable[str]) -> None:
        """Delete the records; files stay."""
        for id in ids:
            conn.execute("DELETE FROM installed_models WHERE owner = ? AND id = ?", (self._owner, id))
            record_change(conn, TOPIC, id)

    def set_pinned(self, conn: apsw.Connection, id: str, pinned: bool) -> None:
        self._set(conn, id, "pinned", int(pinned))

    def set_problem(self, conn: apsw.Connection, id: str, problem: str) -> None:
        self._set(conn, id, "problem", problem)

    def set_last_used(self, conn: apsw.Connection, id: str, when: float) -> None:
        self._set(conn, id, "last_used", when)

    def used(self, conn: apsw.Connection, path: Path, when: float) -> None:
        """`path` answered: noted where it is the first file of a model."""
        found = conn.execute(
            "SELECT model FROM installed_files WHERE owner = ? AND path = ? AND position = 0",
            (self._owner, self.stored(path)),
        ).get
        if found is not None:
            self.set_last_used(conn, found, when)

    def _set(self, conn: apsw.Connection, id: str, column: str, value: Any) -> None:
        conn.execute(f"UPDATE installed_models SET {column} = ? WHERE owner = ? AND id = ?", (value, self._owner, id))
        if conn.changes():
            record_change(conn, TOPIC, id)

    def stored(self, path: Path) -> str:
        """How `path` is written in the database."""
        try:
            return str(path.relative_to(self.folder))
        except ValueError:
            return str(path)

    # ── marks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def marks(self, conn: apsw.Connection) -> dict[str, Mark]:
        """By key of the row."""
        rows = conn.execute("SELECT key, favourite, note FROM model_marks WHERE owner = ?", (self._owner,))
        return {key: Mark(bool(favourite), note) for key, favourite, note in rows}

    def put_mark(self, conn: apsw.Connection, key: str, mark: Mark) -> None:
        if mark == Mark():
            conn.execute("DELETE FROM model_marks WHERE owner = ? AND key = ?", (self._owner, key))
        else:
            conn.execute(
                "INSERT INTO model_marks (owner, key, favourite, note) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (owner, key) DO UPDATE SET favourite = excluded.favourite, note = excluded.note",
                (self._owner, key, int(mark.favourite), mark.note),
            )
        record_change(conn, TOPIC, key)


def _model(row: tuple[Any, ...], files: tuple[InstalledFile, ...]) -> InstalledModel:
    id, name, origin, check, installed, facts, repository, revision, publisher, source, catalog, used, pinned, why = row
    known = json.loads(facts)
    known["capabilities"] = tuple(known.get("capabilities", ()))
    return InstalledModel(
        id=id,
        name=name,
        origin=Origin(origin),
        files=files,
        check=Check(check),
        installed=installed,
        facts=Facts(**{key: value for key, value in known.items() if key in Facts.__slots__}),
        repository=repository,
        revision=revision,
        publisher=publisher,
        source=source,
        catalog=catalog,
        last_used=used,
        pinned=bool(pinned),
        problem=why,
    )
