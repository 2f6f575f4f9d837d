"""From every form the database ever had, with data in it, to the newest, and nothing of it is lost.

To add a version: append its `Migration`, and here a `Version` with rows for the version before it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.database.errors import DatabaseDamaged, DatabaseNewer
from offgrid_tui.database.migrations import MIGRATIONS, Migration


@dataclass(frozen=True)
class Version:
    """Rows as a database of one version may have them, and what the newest version must then answer."""

    fill: str
    then: tuple[tuple[str, list[tuple[Any, ...]]], ...]


VERSIONS = (
    Version(
        """
        INSERT INTO conversations (id, owner, title, created, updated, model, system)
            VALUES ('c1', 'local', 'Parser', 1.5, 2.5, '/m.gguf', 'be brief'), ('c2', 'ada', '', 3, 4, NULL, '');
        INSERT INTO turns (id, conversation, parent, role, content, created) VALUES
            ('t1', 'c1', NULL, 'user', 'why?', 1.5);
        INSERT INTO turns (id, conversation, parent, role, content, created, state, thinking, model, model_name,
                quantisation, provider, parameters, figures, error, writer)
            VALUES ('t2', 'c1', 't1', 'assistant', 'because', 2, 'running', 'hm', '/m.gguf', 'M', 'Q4_K_M', 'local',
                '{"temperature":0}', '{"ttft_ms":14.5}', NULL, 'boot/1/2');
        UPDATE conversations SET leaf = 't2' WHERE id = 'c1';
        INSERT INTO state (owner, key, value) VALUES ('local', 'model', '"/m.gguf"');
        INSERT INTO changes (topic, key, origin) VALUES ('conversation', 'c1', 'x');
        """,
        (
            (
                "SELECT id, owner, title, created, updated, leaf, model, system FROM conversations ORDER BY id",
                [
                    ("c1", "local", "Parser", 1.5, 2.5, "t2", "/m.gguf", "be brief"),
                    ("c2", "ada", "", 3.0, 4.0, None, None, ""),
                ],
            ),
            (
                "SELECT id, conversation, parent, role, content, state, thinking, parameters, figures, writer"
                " FROM turns ORDER BY id",
                [
                    ("t1", "c1", None, "user", "why?", "complete", "", None, "{}", None),
                    (
                        "t2",
                        "c1",
                        "t1",
                        "assistant",
                        "because",
                        "running",
                        "hm",
                        '{"temperature":0}',
                        '{"ttft_ms":14.5}',
                        "boot/1/2",
                    ),
                ],
            ),
            ("SELECT owner, key, value FROM state", [("local", "model", '"/m.gguf"')]),
            ("SELECT topic, key FROM changes", [("conversation", "c1")]),
        ),
    ),
    Version(
        """
        INSERT INTO installed_models (id, name, origin, bytes, installed, facts, catalog, pinned) VALUES
            ('qwen3-4b', 'Qwen3 4B', 'imported', 'verified', 5.5, '{"architecture":"qwen3"}', 'o/r/f.gguf', 1);
        INSERT INTO installed_files (model, position, path, size, mtime, sha256) VALUES
            ('qwen3-4b', 0, 'o/r/f.gguf', 42, 4.5, 'ab');
        INSERT INTO model_marks (key, favourite, note) VALUES ('o/r/f.gguf', 1, 'the good one');
        """,
        (
            (
                "SELECT id, owner, bytes, pinned, last_used FROM installed_models",
                [("qwen3-4b", "local", "verified", 1, None)],
            ),
            (
                "SELECT model, path, size, sha256, role FROM installed_files",
                [("qwen3-4b", "o/r/f.gguf", 42, "ab", "weights")],
            ),
            ("SELECT owner, key, favourite, note FROM model_marks", [("local", "o/r/f.gguf", 1, "the good one")]),
        ),
    ),
    Version(
        "INSERT INTO model_aliases (alias, target, created) VALUES ('fast', 'qwen3:0.6b', 1.5);",
        (("SELECT owner, alias, target, created FROM model_aliases", [("local", "fast", "qwen3:0.6b", 1.5)]),),
    ),
    Version(
        """
        INSERT INTO hub_models (id, repository, author, words, seen, sized, downloads, likes, trending, updated,
                quantisations, smallest)
            VALUES (1, 'Org/M-GGUF', 'org', 'org/m-gguf', 9.5, 1, 7, 3, 1, 8.5, ' Q4_K_M ', 42);
        INSERT INTO hub_texts (id, model) VALUES (1, '{"id":"org--m-gguf"}');
        INSERT INTO hub_variants (id, position, quantisation, size) VALUES (1, 0, 'Q4_K_M', 42);
        INSERT INTO hub_searches (search, seen, more, repositories) VALUES ('["m"]', 9.5, 0, '["Org/M-GGUF"]');
        """,
        (
            ("SELECT repository, seen, downloads, smallest FROM hub_models", [("Org/M-GGUF", 9.5, 7, 42)]),
            ("SELECT id, model FROM hub_texts", [(1, '{"id":"org--m-gguf"}')]),
            ("SELECT id, quantisation, size FROM hub_variants", [(1, "Q4_K_M", 42)]),
            ("SELECT owner, search, repositories FROM hub_searches", [("local", '["m"]', '["Org/M-GGUF"]')]),
        ),
    ),
    Version(
        """
        INSERT INTO downloads (id, key, name, state, problem, position, done, holder, created, updated)
            VALUES ('d1', 'o/r/f.gguf', 'F', 'waiting', '{"title":"no network"}', 1.5, 42, 'boot/1/2', 5.5, 6.5);
        INSERT INTO download_files (download, position, path, size, sha256, repository, received)
            VALUES ('d1', 0, 'f.gguf', 99, 'ab', 'o/r', 42);
        """,
        (
            ("SELECT owner, key, state, done, priority FROM downloads", [("local", "o/r/f.gguf", "waiting", 42, 0)]),
            ("SELECT download, path, size, role, received FROM download_files", [("d1", "f.gguf", 99, "weights", 42)]),
        ),
    ),
)

# What a later version may do to a table that others point to: make it anew. Kept here to prove that migrating with
# data works before the first real one needs it.
REBUILD = Migration(
    "test: rebuild",
    """
    CREATE TABLE new_conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL) STRICT;
    INSERT INTO new_conversations SELECT id, owner, title FROM conversations;
    DROP TABLE conversations;
    ALTER TABLE new_conversations RENAME TO conversations;
    """,
)


def _query(database: Database, sql: str) -> list[Any]:
    return database.read_now(lambda c: c.execute(sql).fetchall())


def test_there_is_data_for_every_version() -> None:
    assert len(VERSIONS) == len(MIGRATIONS)
    assert len({migration.name for migration in MIGRATIONS}) == len(MIGRATIONS)


@pytest.mark.parametrize("version", range(len(MIGRATIONS)), ids=lambda n: MIGRATIONS[n].name)
def test_from_every_version_with_data(path: Path, version: int) -> None:
    old = Database.open(path, migrations=MIGRATIONS[: version + 1])
    old.write_now(lambda c: c.execute(VERSIONS[version].fill).fetchall())
    old.close_now()
    new = Database.open(path)
    for sql, rows in VERSIONS[version].then:
        assert _query(new, sql) == rows
    assert _query(new, "PRAGMA foreign_key_check") == []
    new.close_now()


def test_a_table_with_rows_that_point_to_it_can_be_made_anew(path: Path) -> None:
    old = Database.open(path)
    old.write_now(lambda c: c.execute(VERSIONS[0].fill).fetchall())
    old.close_now()
    new = Database.open(path, migrations=(*MIGRATIONS, REBUILD))
    assert _query(new, "SELECT id, name FROM conversations ORDER BY id") == [("c1", "Parser"), ("c2", "")]
    assert len(_query(new, "SELECT id FROM turns")) == 2  # not deleted with the old table
    with pytest.raises(apsw.ConstraintError):  # and keys are checked again
        new.write_now(lambda c: c.execute("DELETE FROM conversations; INSERT INTO turns (id) VALUES ('x')").fetchall())
    new.close_now()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM state; CREATE TABLE a (b); SELEKT",
        "PRAGMA defer_foreign_keys = ON; UPDATE turns SET conversation = 'nowhere'",
    ],
)
def test_a_step_that_fails_leaves_the_version_before_it(path: Path, sql: str) -> None:
    old = Database.open(path)
    old.write_now(lambda c: c.execute(VERSIONS[0].fill).fetchall())
    old.close_now()
    with pytest.raises((apsw.SQLError, DatabaseDamaged)):
        Database.open(path, migrations=(*MIGRATIONS, Migration("broken", sql)))
    again = Database.open(path)
    for query, rows in VERSIONS[0].then:
        assert _query(again, query) == rows
    again.close_now()


def test_a_newer_database_is_refused_and_left_alone(path: Path) -> None:
    Database.open(path, migrations=(*MIGRATIONS, REBUILD)).close_now()
    before = path.read_bytes()
    with pytest.raises(DatabaseNewer, match="newer OffGrid") as caught:
        Database.open(path)
    assert "rebuild" in caught.value.detail
    assert path.read_bytes() == before


def test_an_edited_migration_is_refused(path: Path) -> None:
    Database.open(path).close_now()
    edited = Migration(MIGRATIONS[0].name, MIGRATIONS[0].sql + "CREATE TABLE extra (x);")
    with pytest.raises(DatabaseDamaged, match="another version of migration"):
        Database.open(path, migrations=(edited, *MIGRATIONS[1:]))


def test_a_checksum_does_not_see_white_space() -> None:
    assert Migration("a", "CREATE  TABLE\n x (y)").checksum == Migration("b", " CREATE TABLE x (y)\n").checksum
    assert Migration("a", "CREATE TABLE x (y)").checksum != Migration("a", "CREATE TABLE x (z)").checksum


def test_many_processes_open_a_new_database_at_once(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from offgrid_tui.database.database import Database;"
        "sys.stdin.readline(); d = Database.open(Path(sys.argv[1]));"
        "print(d.journal, d.read_now(lambda c: c.execute('SELECT count(*) FROM migrations').get)); d.close_now()"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for opener in openers:  # all are up before the first may go on
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    said = [opener.communicate(timeout=120)[0] for opener in openers]
    assert said == [f"wal {len(MIGRATIONS)}\n"] * 6


def test_every_table_of_a_person_has_an_owner(path: Path) -> None:
    database = Database.open(path)
    tables = {name for (name,) in _query(database, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    with_owner = {
        table
        for table in tables
        if any(
            column[1] == "owner" and column[4] == "'local'"
            for column in _query(database, f"PRAGMA table_info({table})")
        )
    }
    # What the program notes for itself: about itself, and what a hub told.
    noted = {"changes", "migrations", "sqlite_sequence", "hub_models", "hub_texts", "hub_variants"}
    assert tables - with_owner == noted
    database.close_now()
