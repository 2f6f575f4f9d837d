"""catalog.toml is what the facts say: derived again, compared with the file, and every row checked against its fact."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

import pytest

from tools.catalog.__main__ import CATALOG, render
from tools.catalog.attest import attestations
from tools.catalog.facts import Facts
from tools.catalog.notes import licence_note, notes
from tools.catalog.shapes import shape

# Everything that has to be listed; by id.
MUST = re.findall(
    r"\S+",
    """
    tinyllama-1.1b-chat-v1.0 llama-2-7b-chat mistral-7b-instruct-v0.2 mistral-7b-instruct-v0.3 phi-2
    phi-3-mini-4k-instruct llama-3.2-1b-instruct llama-3.2-3b-instruct llama-3.1-8b-instruct gemma-2-2b-it gemma-2-9b-it
    gemma-3-270m-it gemma-3-1b-it gemma-3-4b-it gemma-3n-e2b-it gemma-3n-e4b-it qwen2.5-0.5b-instruct
    qwen2.5-1.5b-instruct qwen2.5-3b-instruct qwen2.5-7b-instruct qwen3-0.6b qwen3-1.7b qwen3-4b codellama-7b-instruct
    deepseek-coder-6.7b-instruct starcoder2-3b qwen2.5-coder-7b-instruct smollm2-135m-instruct smollm2-360m-instruct
    smollm2-1.7b-instruct deepseek-r1-0528-qwen3-8b deepseek-r1-distill-qwen-1.5b deepseek-r1-distill-qwen-7b
    deepseek-r1-distill-qwen-14b nomic-embed-text-v1.5 mxbai-embed-large-v1 all-minilm-l6-v2
    """,
)
NOT_TO_BE_HAD = ("glm-4-9b-chat", "glm-edge-v-5b", "deepseek-vl2-tiny")


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts.read()


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(CATALOG.read_text("utf-8"))["models"]
    return found


def is_whole(variant: dict[str, Any]) -> bool:
    files = variant.get("files", ())
    return "unavailable" not in variant and bool(files) and all("size" in f and "sha256" in f for f in files)


def test_the_catalog_is_what_the_facts_make() -> None:
    assert CATALOG.read_text("utf-8") == render(), "python -m tools.catalog"


def test_what_must_be_listed_can_be_had_with_proof(models: dict[str, Any]) -> None:
    assert [id for id in MUST if not any(is_whole(variant) for variant in models[id]["variants"])] == []


@pytest.mark.parametrize("id", NOT_TO_BE_HAD)
def test_what_cannot_be_had_is_listed_with_its_reason(models: dict[str, Any], id: str) -> None:
    assert models[id]["variants"]
    assert all(variant["unavailable"] for variant in models[id]["variants"])


def test_some_120_models_can_be_had_with_proof_of_every_kind(models: dict[str, Any]) -> None:
    whole = [model for model in models.values() if any(is_whole(variant) for variant in model["variants"])]
    assert len(whole) >= 120
    kinds = Counter(model["kinds"][0] for model in whole)
    assert all(kinds[kind] >= 8 for kind in ("chat", "code", "vision", "embedding", "speech")), kinds


def test_every_row_is_its_fact_and_every_fact_a_row(models: dict[str, Any], facts: Facts) -> None:
    known = {(fact["repo"], fact["file"]): fact for fact in facts.files}
    listed = set()
    for model in models.values():
        for variant in model["variants"]:
            for file in variant.get("files", ()):
                fact = known[variant["repository"], file["path"]]
                listed.add((variant["repository"], file["path"]))
                assert file.get("size") == fact.get("size_bytes")
                assert file.get("sha256") == fact.get("sha256")
                assert variant.get("revision") in (fact.get("revision"), None)
            if files := variant.get("files"):
                first = known[variant["repository"], files[0]["path"]]
                assert variant.get("quantisation", "") == first.get("quant", "").partition(" ")[0]
    for repository, file in known.keys() - listed:  # only projectors, and each is named where it is missing
        assert known[repository, file]["role"] == "mmproj"
        assert any(
            variant["repository"] == repository and (len(variant["files"]) > 1 or file in " ".join(variant["notes"]))
            for model in models.values()
            for variant in model["variants"]
        ), file


def test_projectors_and_parts_stand_with_their_weights(models: dict[str, Any]) -> None:
    for model in models.values():
        for variant in model["variants"]:
            files = variant.get("files", [])
            weights = [file for file in files if file.get("role", "weights") == "weights"]
            parts = [file for file in weights if re.search(r"-\d{5}-of-\d{5}\.gguf$", file["path"])]
            assert len(weights) <= 1 or weights == parts
            assert files[: len(weights)] == weights  # first
            assert sum(file.get("role") == "projector" for file in files) <= 1
            numbers = [file["path"][-19:-5] for file in parts]
            assert numbers == [f"{n:05}-of-{len(parts):05}" for n in range(1, len(parts) + 1)]
    assert any(len(variant.get("files", ())) == 2 for variant in models["qwen2.5-7b-instruct"]["variants"])
    assert all(variant["files"][1]["role"] == "projector" for variant in models["gemma-4-12b-it"]["variants"])


def test_the_traps(models: dict[str, Any]) -> None:
    for id in ("qwen2.5-3b-instruct", "qwen2.5-coder-3b-instruct"):
        assert (models[id]["licence"], models[id]["licence_note"]) == (
            "other",
            "Qwen Research Licence (non-commercial)",
        )
    assert models["qwen3-4b"]["context"] == 40960
    assert any("32768" in note for v in models["qwen3-4b"]["variants"] for note in v.get("notes", ()))
    old = next(
        v
        for v in models["gpt-oss-20b"]["variants"]
        if v.get("files") and v["files"][0]["path"] == "gpt-oss-20b-mxfp4.gguf"
    )
    assert old["revision"].startswith("e1dc459f")
    assert "only at this revision" in " ".join(old["notes"])
    replaced = {
        id
        for id, model in models.items()
        for v in model["variants"]
        if any("replaced upstream" in note for note in v.get("notes", ()))
    }
    assert replaced >= {
        "gemma-4-12b-it",
        "gemma-4-e2b-it",
        "gemma-4-e4b-it",
        "gemma-2-9b-it",
        "gpt-oss-20b",
        "lfm2.5-2.6b",
        "phi-3-mini-4k-instruct",
        "phi-4-14b",
        "qwen3-embedding-0.6b",
    }


def test_a_short_name_means_one_model(models: dict[str, Any]) -> None:
    counts = Counter(alias for model in models.values() for alias in model.get("aliases", ()))
    assert max(counts.values()) == 1
    assert all(alias not in models or alias == id for id, m in models.items() for alias in m.get("aliases", ()))
    assert len(counts) > 100


def test_attestations_are_never_more_than_the_facts_say(facts: Facts) -> None:
    counts = attestations(facts)
    several = {f["sha256"] for f in facts.files if f.get("sha256_confidence") == "multi-source"}
    assert counts.keys() == {fact["sha256"] for fact in facts.files if "sha256" in fact}
    for sha, count in counts.items():
        sources = {source for fact in facts.files if fact.get("sha256") == sha for source in fact.get("sources", ())}
        assert (count >= 2) == (sha in several)
        assert count <= max(2, len(sources))


def test_shapes_hold_what_memory_depends_on(facts: Facts) -> None:
    by_base = {fact["base_model"]: fact for fact in facts.architectures}
    gemma = shape(by_base["google/gemma-3-4b-it"])
    assert gemma is not None and (gemma["window"], gemma["windowed"][:6]) == (1024, "SSSSSG")
    phi = shape(by_base["microsoft/Phi-3-mini-4k-instruct"])
    assert phi is not None and "window" not in phi  # llama.cpp ignores it
    small = shape(by_base["google/gemma-3n-E2B-it"])
    assert small is not None and small["kv_layers"] == 20
    four = shape(by_base["google/gemma-4-12b-it"])
    assert four is not None and four["kv_heads"][4:7] == [8, 1, 8]
    two = shape(by_base["google/gemma-4-E2B-it"])
    assert two is not None and two["feed_forward"][14:16] == [6144, 12288]
    lfm = shape(by_base["LiquidAI/LFM2-350M"])
    assert lfm is not None and (lfm["recurrent"].count("R"), lfm["state"]) == (10, 2048)
    for base in ("Qwen/Qwen3.5-2B", "ibm-granite/granite-4.0-h-tiny", "tiiuae/Falcon-H1-0.5B-Instruct"):
        mixed = shape(by_base[base])  # the state by llama.cpp's own formula
        assert mixed is not None
        inner, size, groups = mixed["inner"], mixed["state_size"], mixed["groups"]
        assert mixed["state"] == (mixed["convolution"] - 1) * (inner + 2 * groups * size) + inner * size
    assert shape(by_base["utter-project/EuroLLM-9B-Instruct"]) is None  # only guessed
    assert shape(by_base["openai/whisper-tiny"]) is None


def test_needs_can_be_computed_of_nearly_all_that_can_be_had(models: dict[str, Any]) -> None:
    """Without a shape there is only the file's size to go by; of these the facts have guesses or gaps."""
    without = {
        id
        for id, model in models.items()
        if "shape" not in model and "speech" not in model["kinds"] and any(is_whole(v) for v in model["variants"])
    }
    assert without == {
        "eurollm-9b-instruct",
        "granite-4.1-8b",
        "hermes-2-pro-mistral-7b",
        "lfm2.5-230m",
        "nexusraven-v2-13b",
        "qwen1.5-7b-chat",
        "starling-lm-7b-beta",
    }


def test_a_flag_that_nobody_thought_about_stops_the_build() -> None:
    with pytest.raises(ValueError, match="nothing says"):
        notes(["a flag of a new kind"])


def test_what_was_replaced_is_said_once() -> None:
    flags = ["older upload had sha256 79fdf003...", "re-uploaded: earlier sha256 79fdf003 in LocalAI history"]
    assert notes(flags) == ["replaced upstream; an earlier file had SHA-256 79fdf003…"]


def test_licences_are_said_without_the_hubs_tags() -> None:
    note = 'HF tag "other" = LFM Open License v1.0 (LocalAI tag lfm1.0)'
    assert licence_note(note) == "LFM Open License v1.0"
    assert licence_note(None) == ""
