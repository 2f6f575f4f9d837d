"""The user's own short names, kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from offgrid_tui.catalog.errors import BadAlias
from offgrid_tui.catalog.store import aliases, check_alias, remove_alias, set_alias
from offgrid_tui.database.database import Database
from offgrid_tui.system.paths import Paths


@pytest.fixture
def database(home: Paths) -> Iterator[Database]:
    opened = Database.open(home.database)
    yield opened
    opened.close_now()


def test_kept_changed_and_forgotten(database: Database) -> None:
    database.write_now(lambda c: set_alias(c, "Fast", "qwen3:0.6b", 1.0))
    database.write_now(lambda c: set_alias(c, "work:code", "/m/x.gguf", 2.0))
    database.write_now(lambda c: set_alias(c, "fast", "qwen3:1.7b", 3.0))
    assert database.read_now(aliases) == {"fast": "qwen3:1.7b", "work:code": "/m/x.gguf"}
    assert database.write_now(lambda c: remove_alias(c, "FAST"))
    assert not database.write_now(lambda c: remove_alias(c, "fast"))
    assert database.read_now(aliases) == {"work:code": "/m/x.gguf"}


def test_each_owner_has_their_own(database: Database) -> None:
    database.write_now(lambda c: set_alias(c, "fast", "a", 1.0, "ada"))
    assert database.read_now(aliases) == {}
    assert database.read_now(lambda c: aliases(c, "ada")) == {"fast": "a"}


def test_others_are_told(database: Database) -> None:
    database.write_now(lambda c: set_alias(c, "fast", "a", 1.0))
    rows = database.read_now(lambda c: c.execute("SELECT topic, key FROM changes").fetchall())
    assert rows == [("alias", "fast")]


@pytest.mark.parametrize("alias", ["", "a/b", "../x", "a b", "x.gguf", "-x", "a:b:c", "\x1b[31m", "é", "a" * 65, "hf:"])
def test_what_cannot_be_a_short_name(alias: str) -> None:
    with pytest.raises(BadAlias):
        check_alias(alias)


def test_it_cannot_stand_for_itself(database: Database) -> None:
    with pytest.raises(BadAlias, match="cannot be"):
        database.write_now(lambda c: set_alias(c, "Fast", "fast", 1.0))
