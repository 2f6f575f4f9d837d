"""`offgrid updates`: newer and replaced upstream are told apart, and nothing that is here changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.cli.main import run
from offgrid_tui.database.database import Database
from offgrid_tui.library.store import LibraryStore
from offgrid_tui.system.paths import Paths
from tests.support.hub import Fault, LoopbackHub

NAME = "org/m-GGUF"


@pytest.fixture
def hub(home: Paths, monkeypatch: pytest.MonkeyPatch, random_model: Path) -> Iterator[LoopbackHub]:
    """A model is here with a receipt that says it came from this hub."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with LoopbackHub() as running:
        monkeypatch.setenv("OFFGRID_NETWORK_HUB", running.url)
        monkeypatch.setenv("OFFGRID_NETWORK_DEADLINE", "0.5")
        monkeypatch.setenv("OFFGRID_NETWORK_TIMEOUT", "0.3")
        assert run(["import", str(random_model)]) == 0
        database = Database.open(home.database)
        store = LibraryStore(home.models)
        (model,) = database.read_now(store.models)
        files = {model.path.name: random_model.read_bytes(), "README.md": b"one"}
        commit = running.add(NAME, files).head
        database.write_now(lambda conn: store.put(conn, replace(model, repository=NAME, revision=commit)))
        database.close_now()
        yield running


def _state(capsys: pytest.CaptureFixture[str]) -> str | None:
    capsys.readouterr()
    assert run(["updates", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["repository"] == NAME
    return str(model["state"])


def test_each_answer(hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (name for name in hub.repositories[NAME].files if name.endswith(".gguf"))
    assert _state(capsys) == "current"
    hub.replace(NAME, "README.md", b"two")
    assert _state(capsys) == "newer upstream"
    commit = hub.replace(NAME, path, b"other bytes")
    assert _state(capsys) == "replaced upstream"
    assert run(["updates"]) == 0
    said = capsys.readouterr().out
    assert "replaced upstream" in said and commit[:12] in said and "1 asked about" in said
    hub.replace(NAME, path, None)
    assert _state(capsys) == "gone upstream"
    del hub.repositories[NAME]
    assert _state(capsys) == "gone upstream"


def test_nobody_to_ask(hub: LoopbackHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hub.misbehave(Fault.BLACK_HOLE)
    assert run(["updates"]) == 1
    said = capsys.readouterr()
    assert "not asked" in said.out and "did not answer in time" in said.err
    monkeypatch.setenv("OFFGRID_NETWORK_OFFGRID", "true")
    monkeypatch.setenv("OFFGRID_NETWORK_HUB", "https://hub.invalid")
    asked = len(hub.requests)
    assert run(["updates"]) == 4
    assert "off-grid mode is on" in capsys.readouterr().err
    assert len(hub.requests) == asked
