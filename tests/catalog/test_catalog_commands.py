"""`offgrid catalog` and `offgrid show`, run as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.catalog.store import set_alias
from offgrid_tui.cli.main import run
from offgrid_tui.cli.table import Column, lines
from offgrid_tui.database.database import Database
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.system.paths import Paths
from tools.catalog.facts import Facts

pytestmark = pytest.mark.usefixtures("home")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(words) == ExitCode.OK, capsys.readouterr().err
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_every_row_again_with_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {(fact["repo"], fact["file"]): fact for fact in Facts.read().files}
    checked = 0
    rows = document(capsys, "catalog")["models"]
    for model in (row["model"] for row in rows if row["model"]["source"] == "catalog"):
        for variant in model["variants"]:
            for file in variant["files"]:
                fact = facts[file["repository"], file["path"]]
                assert (file["size_bytes"], file["sha256"]) == (fact.get("size_bytes"), fact.get("sha256"))
                assert variant["proof"] != "proven" or (file["size_bytes"] and len(file["sha256"]) == 64)
                checked += 1
    assert checked > 400
    assert {model["id"] for model in (row["model"] for row in rows)} >= {"qwen3-4b", "deepseek-vl2-tiny"}


def test_rows_say_what_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = [row for row in document(capsys, "catalog", "qwen3")["models"] if row["model"]["id"] == "qwen3-4b"]
    assert row["needs_bytes"] > row["size_bytes"] > 2 * 10**9
    assert row["needs_from"] == "shape"
    assert row["verdict"] in ("safe", "warning", "critical", "blocked")
    assert (row["state"], row["tier"], row["installed"]) == ("available", "official", None)


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    everything = document(capsys, "catalog")
    assert len(everything["models"]) == everything["of"] > 190
    code = document(capsys, "catalog", "--kind", "code", "<3GB")["models"]
    assert code and all("code" in row["model"]["kinds"] and row["size_bytes"] < 3e9 for row in code)
    fitting = document(capsys, "catalog", "--fits")["models"]
    assert fitting and all(row["verdict"] in ("safe", "warning") for row in fitting)
    official = document(capsys, "catalog", "--tier", "official")["models"]
    assert {row["tier"] for row in official} == {"official", "lmstudio-partner"}
    assert document(capsys, "catalog", "--installed", "qwen3")["models"] == []


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "catalog", "smollm2", "--sort", "parameters").splitlines()
    assert out[0].split() == ["Model", "Params", "Quant", "Size", "Needs", "Fits", "Trust", "Here"]
    assert [line.split("  ")[0] for line in out[1:4]] == [
        "SmolLM2 1.7B Instruct",
        "SmolLM2 360M Instruct",
        "SmolLM2 135M Instruct",
    ]
    assert out[-1].startswith("3 of ")
    unproven = said(capsys, "catalog", "moondream2").splitlines()
    assert unproven[1].endswith("unproven") and "SHA-256 is not known" in unproven[-1]
    assert said(capsys, "catalog", "no-such-model").startswith("0 of ")


def test_a_bad_entry_of_the_users_is_told_on_stderr(home: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    home.config.mkdir(parents=True)
    (home.config / "catalog.toml").write_text("\n[models.x]\ncontext = 0\n")
    assert run(["catalog", "qwen3:4b"]) == ExitCode.OK
    found = capsys.readouterr()
    assert "catalog.toml:3: context has to be a whole number" in found.err
    assert "Qwen3 4B" in found.out


def test_show_by_a_short_name(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "show", "llama3.2:1b-instruct-q8_0")
    assert "llama-3.2-1b-instruct in Q8_0" in out
    assert "432f310a77f4650a88d0fd59ecdd7cebed8d684bafea53cbff0473542964f0c3" in out
    assert "1 321 083 008 bytes" in out
    value = document(capsys, "show", "qwen3:4b")
    assert (value["meaning"], value["model"]["id"], value["variant"]) == ("model", "qwen3-4b", None)
    assert sum(variant["proposed"] for variant in value["variants"]) == 1
    assert all(variant["context"] for variant in value["variants"] if variant["needs_bytes"])


@pytest.mark.parametrize("id", ["glm-4-9b-chat", "glm-edge-v-5b", "deepseek-vl2-tiny"])
def test_show_says_why_something_cannot_be_had(capsys: pytest.CaptureFixture[str], id: str) -> None:
    out = said(capsys, "show", id)
    assert "unavailable" in out and "no file" in out


def test_show_what_is_in_no_catalog(capsys: pytest.CaptureFixture[str], random_model: Path) -> None:
    assert "in no catalog" in said(capsys, "show", "hf.co/foo/bar:Q4_K_M")
    value = document(capsys, "show", str(random_model))
    assert (value["meaning"], value["path"], value["model"]) == ("path", str(random_model), None)
    assert "parameters" in said(capsys, "show", str(random_model))


def test_show_by_a_short_name_of_the_users(home: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database.open(home.database)
    database.write_now(lambda c: set_alias(c, "fast", "qwen3:0.6b", 1.0))
    database.close_now()
    value = document(capsys, "show", "fast")
    assert (value["through"], value["model"]["id"]) == (["fast"], "qwen3-0.6b")


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("qwn3:4b", ExitCode.NOT_FOUND, "Near it: qwen3:4b"),
        ("gemma", ExitCode.USAGE, "could mean"),
        ("\x1b[31mx", ExitCode.NOT_FOUND, "holds characters that no name has"),
    ],
)
def test_show_what_is_not_there(capsys: pytest.CaptureFixture[str], name: str, code: ExitCode, text: str) -> None:
    assert run(["show", name]) == code
    found = capsys.readouterr()
    assert found.out == "" and text in found.err and "\x1b" not in found.err


def test_tables() -> None:
    columns = (Column("name", least=5), Column("more", rank=1), Column("size", right=True))
    rows = [("abcdefgh", "x", "1"), ("b\x1b", "yyyy", "100")]
    assert lines(columns, rows, None) == ["name      more  size", "abcdefgh  x        1", "b         yyyy   100"]
    assert lines(columns, rows, 18) == ["name    more  size", "abcde…  x        1", "b       yyyy   100"]
    assert lines(columns, rows, 14) == ["name      size", "abcdefgh     1", "b          100"]
    assert lines(columns, rows, 11) == ["name   size", "abcd…     1", "b       100"]
    assert max(map(len, lines(columns, rows, 6))) == 6  # nothing is left that could give way
    assert lines(columns, [], 80) == []
