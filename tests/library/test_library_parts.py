"""The small parts: moves between states, names, sets of files, upstream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, ModelState, Origin
from offgrid_tui.library.moves import MOVES, may, require
from offgrid_tui.library.names import new_id, safe_name
from offgrid_tui.library.sets import base_name, group
from offgrid_tui.library.upstream import Offered, Upstream, compare


def test_every_state_can_be_left_and_reached() -> None:
    assert set(MOVES) == set(ModelState)
    assert all(MOVES[state] for state in ModelState)
    assert {state for reached in MOVES.values() for state in reached} == set(ModelState)
    assert all(state not in reached for state, reached in MOVES.items())


@pytest.mark.parametrize("state", [s for s in ModelState if s not in (ModelState.INSTALLED, ModelState.VERIFYING)])
def test_only_what_is_installed_becomes_active(state: ModelState) -> None:
    if state is ModelState.ACTIVE:
        require("m", state, ModelState.ACTIVE)
        return
    assert not may(state, ModelState.ACTIVE)
    with pytest.raises(RefusedError) as caught:
        require("m", state, ModelState.ACTIVE)
    assert caught.value.detail


def test_nothing_is_installed_straight_from_the_wire() -> None:
    assert not may(ModelState.DOWNLOADING, ModelState.INSTALLED)
    assert may(ModelState.DOWNLOADING, ModelState.VERIFYING)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("model.gguf", "model.gguf"),
        ("../../etc/passwd", "etc_passwd"),
        ("", "model"),
        ("...", "model"),
        (".gguf", "gguf"),
        ("a\x00b.gguf", "ab.gguf"),
        ("x" * 300 + "-00001-of-00003.gguf", "x" * 180 + "-00001-of-00003.gguf"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_ids_are_numbered_where_they_are_taken() -> None:
    assert new_id("Qwen3-4B-Q4_K_M.gguf", set()) == "qwen3-4b-q4_k_m"
    assert new_id("Qwen3-4B-Q4_K_M.gguf", {"qwen3-4b-q4_k_m"}) == "qwen3-4b-q4_k_m-2"
    assert new_id("🦙.gguf", set()) == "model"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("Qwen2.5-VL-3B-Instruct-Q4_K_M.gguf", "qwen2-5-vl-3b-instruct"),
        ("mmproj-Qwen2.5-VL-3B-Instruct-f16.gguf", "qwen2-5-vl-3b-instruct"),
        ("gemma-3-4b-it-UD-Q4_K_XL.gguf", "gemma-3-4b-it"),
        ("mmproj-model-f16.gguf", ""),
        ("llama-BF16-00001-of-00003.gguf", "llama"),
    ],
)
def test_a_name_without_what_distinguishes_files_of_one_model(name: str, base: str) -> None:
    assert base_name(Path(name)) == base


def test_the_projector_of_a_repository_serves_all_its_quantisations() -> None:
    names = ["S-Q4_K_M.gguf", "S-Q8_0.gguf", "mmproj-model-bf16.gguf", "mmproj-model-f16.gguf"]
    sets = group([Path(name) for name in names], one_repository=True)
    assert [one.projector for one in sets] == [Path("mmproj-model-f16.gguf")] * 2
    apart = group([Path(name) for name in names], one_repository=False)
    assert [one.projector for one in apart] == [None, None]


MODEL = InstalledModel(
    "m",
    "M",
    Origin.DOWNLOADED,
    (InstalledFile(Path("/m/f.gguf"), 1, 0.0, "a" * 64),),
    Check.VERIFIED,
    0.0,
    repository="o/r",
    revision="c1",
)


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        (Offered("c1", {"f.gguf": "a" * 64}), Upstream.CURRENT),
        (Offered("c2", {"f.gguf": "a" * 64}), Upstream.NEWER),
        (Offered("c2", {"deep/f.gguf": "b" * 64}), Upstream.REPLACED),
        (Offered("c2", {"g.gguf": "b" * 64}), Upstream.GONE),
        (Offered("c2", {"renamed.gguf": "a" * 64}), Upstream.NEWER),
        (Offered("c2", {"f.gguf": None}), Upstream.UNKNOWN),
    ],
)
def test_newer_and_replaced_upstream_are_told_apart(offered: Offered, said: Upstream) -> None:
    assert compare(MODEL, offered) is said


def test_without_a_receipt_nothing_is_said_of_upstream() -> None:
    assert compare(replace(MODEL, repository=""), Offered("c1", {})) is Upstream.UNKNOWN
