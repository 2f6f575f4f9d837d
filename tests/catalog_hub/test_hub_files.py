"""A repository's files as quantisations, split sets and projectors."""

from __future__ import annotations

import pytest

from offgrid_tui.catalog.credibility import Credibility
from offgrid_tui.catalog.hub.files import HubFile, group, plain, quantisation_of, rough_size
from offgrid_tui.catalog.hub.listing import id_of, is_repository
from offgrid_tui.catalog.model import Proof, Role, Tier, Variant

WHO = Credibility(Tier.COMMUNITY, "org", "")
HASH = "ab" * 32


def _group(*files: HubFile) -> tuple[dict[str, Variant], tuple[str, ...]]:
    grouped = group("org/m-GGUF", "c" * 40, files, WHO, gated=False)
    return {variant.quantisation: variant for variant in grouped.variants}, grouped.refused


@pytest.mark.parametrize(
    ("path", "quantisation"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-3b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("mistral-7b-instruct-v0.2.Q5_K_S.gguf", "Q5_K_S"),
        ("Llama-3.2-1B-Instruct-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-UD-IQ2_XXS.gguf", "UD-IQ2_XXS"),
        ("Phi-3-mini-4k-instruct-fp16.gguf", "F16"),
        ("nomic-embed-text-v1.5.f32.gguf", "F32"),
        ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
        ("m-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("BF16/big-BF16-00001-of-00003.gguf", "BF16"),
        ("Q8_0/big-00001-of-00002.gguf", "Q8_0"),
        ("gemma-3-4b-it-qat-q4_0.gguf", "Q4_0"),
        ("m-Q6_K.gguf", "Q6_K"),
        ("m.Q3_K_L.gguf", "Q3_K_L"),
        ("m-TQ1_0.gguf", "TQ1_0"),
        ("m-IQ4_NL.gguf", "IQ4_NL"),
        ("q4b-model.gguf", ""),
        ("model.gguf", ""),
    ],
)
def test_names(path: str, quantisation: str) -> None:
    assert quantisation_of(path) == quantisation


def test_parts_and_projectors_belong_together() -> None:
    found, refused = _group(
        HubFile("big-Q4_K_M-00002-of-00002.gguf", 20, HASH),
        HubFile("big-Q4_K_M-00001-of-00002.gguf", 30, HASH),
        HubFile("mmproj-big-f16.gguf", 5, HASH),
        HubFile("mmproj-big-f32.gguf", 9, HASH),
        HubFile("big-Q8_0-00001-of-00003.gguf", 40, HASH),
        HubFile("big.imatrix.gguf", 1, HASH),
        HubFile("README.md", 1, None),
        HubFile("big-Q2_K.gguf", 7, None),
        HubFile("big-IQ1_S.gguf", None, None),
    )
    assert refused == ()
    whole = found["Q4_K_M"]
    assert [file.path for file in whole.weights] == [f"big-Q4_K_M-0000{n}-of-00002.gguf" for n in (1, 2)]
    assert whole.projector is not None and whole.projector.path == "mmproj-big-f16.gguf"
    assert whole.projector.role is Role.PROJECTOR
    assert (whole.size, whole.proof, whole.revision) == (55, Proof.PROVEN, "c" * 40)
    assert (found["Q8_0"].proof, found["Q8_0"].reason) == (Proof.UNAVAILABLE, "only 1 of its 3 parts are there")
    assert found["Q2_K"].proof is Proof.UNVERIFIED and found["IQ1_S"].proof is Proof.UNVERIFIED
    assert set(found) == {"Q4_K_M", "Q8_0", "Q2_K", "IQ1_S"}


def test_what_a_stranger_may_write() -> None:
    found, refused = _group(
        HubFile("../m-Q4_0.gguf", 1, HASH),
        HubFile("a/../../m-Q4_0.gguf", 1, HASH),
        HubFile("/etc/m-Q4_0.gguf", 1, HASH),
        HubFile("~/m-Q4_0.gguf", 1, HASH),
        HubFile("c:m-Q4_0.gguf", 1, HASH),
        HubFile("a\\m-Q4_0.gguf", 1, HASH),
        HubFile("a//m-Q4_0.gguf", 1, HASH),
        HubFile("m\x1b[31m-Q4_0.gguf", 1, HASH),
        HubFile("m\u202e-Q4_0.gguf", 1, HASH),
        HubFile("m\n-Q4_0.gguf", 1, HASH),
        HubFile("x" * 400 + "-Q4_0.gguf", 1, HASH),
        HubFile(17, 1, HASH),
        HubFile("m-Q8_0.gguf", -1, "AB" * 32),
        HubFile("m-Q6_K.gguf", True, 5),
        HubFile("m-Q5_0-00003-of-00002.gguf", 1, HASH),
    )
    assert len(refused) == 11
    assert not any("\x1b" in line or "\n" in line or "\u202e" in line for line in refused)
    assert set(found) == {"Q8_0", "Q6_K", "Q5_0"}
    assert found["Q8_0"].size is None and found["Q8_0"].files[0].sha256 is None
    assert found["Q6_K"].size is None
    assert len(found["Q5_0"].files) == 1  # a number beyond the count is a name like any other


def test_a_flood_is_cut() -> None:
    grouped = group("org/m", None, (HubFile(f"m{n}-Q4_0.gguf", 1, None) for n in range(30_000)), WHO, gated=False)
    assert len(grouped.variants) == 20_000
    assert grouped.refused == ("more than 20000 files",)


def test_repositories_and_ids() -> None:
    assert is_repository("Qwen/Qwen3-4B-GGUF") and is_repository("a/b.c_d")
    for bad in ("", "a", "a/b/c", "../b", "a/..", "a/b..c", "-a/b", "ä/b", "a/b\n", "a/ b", 5, None, "a" * 97 + "/b"):
        assert not is_repository(bad)
    ids = {id_of(name) for name in ("a/b-c", "a-b/c", "a/b_c", "a_b/c", "A/B-C")}
    assert len(ids) == 4  # the hub does not tell letter cases apart
    assert id_of("Qwen/Qwen3-4B-GGUF") == "qwen--qwen3-4b-gguf"


def test_rough_sizes_are_near_real_ones() -> None:
    # parameters, quantisation, bytes of the published file (the catalog's own facts)
    for parameters, quantisation, real in (
        (4_022_468_096, "Q4_K_M", 2_497_280_256),
        (4_022_468_096, "Q8_0", 4_280_404_704),
        (8_030_261_248, "Q2_K", 3_179_138_048),
        (70_553_706_496, "Q4_K_M", 42_520_395_584),
    ):
        guess = rough_size(parameters, quantisation)
        assert guess is not None and abs(guess / real - 1) < 0.1
    assert rough_size(None, "Q4_K_M") is None
    assert rough_size(10**9, "Q9_X") is None
    assert plain("UD-Q4_K_XL") == "Q4_K_M"
