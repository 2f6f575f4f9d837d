"""Reading the catalog, the user's own entries over it, and the model inside the package."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest

from offgrid_tui.catalog import load
from offgrid_tui.catalog.bundled import bundled_model
from offgrid_tui.catalog.credibility import Credibility, Publishers, asks_first
from offgrid_tui.catalog.load import Catalog, load_catalog
from offgrid_tui.catalog.model import Kind, Proof, Role, Source, Tier
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.system.paths import Paths

SHA = "ab" * 32


@pytest.fixture
def no_pocket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("offgrid_tui.catalog.load.bundled_model", lambda: None)


def with_own(home: Paths, text: str) -> Catalog:
    home.config.mkdir(parents=True, exist_ok=True)
    (home.config / "catalog.toml").write_text(text, "utf-8")
    return load_catalog(home)


def said(catalog: Catalog) -> list[str]:
    return [str(problem) for problem in catalog.problems]


# ── ours ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ours_has_no_problem_and_every_model_a_variant(home: Paths) -> None:
    catalog = load_catalog(home)
    assert catalog.problems == ()
    assert all(model.variants for model in catalog.models)
    assert len(catalog.by_key) == sum(len(model.variants) for model in catalog.models)  # keys are unique
    assert len(catalog.by_id) == len(catalog.models)


def test_a_model_as_it_is_read(home: Paths) -> None:
    model = load_catalog(home).by_id["gemma-4-12b-it"]
    assert (model.name, model.maker, model.parameters, model.context) == (
        "Gemma 4 12B IT",
        "Google",
        11907350320,
        262144,
    )
    assert model.kinds == (Kind.VISION, Kind.CHAT)
    (variant,) = model.variants
    assert (variant.tier, variant.publisher, variant.proof) == (Tier.OFFICIAL, "Google", Proof.PROVEN)
    assert variant.size == 6975879296 + 175115616
    assert variant.projector is not None and variant.projector.role is Role.PROJECTOR
    assert "listed by" in variant.evidence
    assert model.shape is not None
    assert model.shape.windowed[:6] == (True, True, True, True, True, False)
    assert (model.shape.window_key_length, model.shape.kv_heads[5]) == (256, 1)


def test_what_is_missing_is_said(home: Paths) -> None:
    catalog = load_catalog(home)
    by_proof = {proof: [v for m in catalog.models for v in m.variants if v.proof is proof] for proof in Proof}
    assert all(variant.reason for proof in (Proof.UNVERIFIED, Proof.UNAVAILABLE) for variant in by_proof[proof])
    assert not any(variant.reason for variant in by_proof[Proof.PROVEN])
    proven = [variant for variant in by_proof[Proof.PROVEN] if variant.key != "pocket.gguf"]  # nobody attests our own
    assert all(f.size and f.sha256 and f.attestations for v in proven for f in v.files)
    hermes = catalog.by_id["nous-hermes-2-mistral-dpo"].variants[0]
    assert hermes.reason.endswith("is not known: what arrives cannot be proven")


def test_the_same_bytes_are_found_in_every_repository_that_has_them(home: Paths) -> None:
    catalog = load_catalog(home)
    gemma = catalog.by_id["gemma-2-9b-it"]
    found = catalog.by_sha256[gemma.variants[0].files[0].sha256 or ""]
    assert {variant.repository.partition("/")[0] for _, variant in found} == {"bartowski", "lmstudio-community"}


def test_our_own_file_damaged_is_an_installation_damaged(
    home: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for text in ("[models", "form = 99\nmodels = {}\npublishers = {}", "form = 1", "\x00"):
        broken = tmp_path / "catalog.toml"
        broken.write_text(text)
        monkeypatch.setattr("offgrid_tui.catalog.load.resource", lambda _, broken=broken: broken)
        with pytest.raises(DamagedError, match="own catalog"):
            load_catalog(home)


# ── the user's own ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_of_the_users(home: Paths, no_pocket: None) -> None:
    text = f"""
[models.house-model]
name = "House model"
kinds = ["code"]
aliases = ["House", "house:7b"]

[[models.house-model.variants]]
quantisation = "Q8_0"
repository = "bartowski/House-GGUF"
files = [{{ path = "sub/house.gguf", size = 5, sha256 = "{SHA.upper()}" }}]

[[models.house-model.variants]]
files = [{{ url = "https://models.example/x/house-q4.gguf?a=1" }}]
"""
    catalog = with_own(home, text)
    assert said(catalog) == []
    model = catalog.models[0]
    assert (model.id, model.source, model.kinds) == ("house-model", Source.OWN, (Kind.CODE,))
    assert catalog.by_alias["house:7b"] is model
    first, second = model.variants
    assert (first.key, first.proof, first.tier) == ("bartowski/House-GGUF/sub/house.gguf", Proof.PROVEN, Tier.VERIFIED)
    assert first.files[0].sha256 == SHA
    assert (second.files[0].path, second.proof, second.tier) == ("house-q4.gguf", Proof.UNVERIFIED, Tier.LOCAL)
    assert second.key == "https://models.example/x/house-q4.gguf?a=1"


def test_an_entry_over_one_of_ours(home: Paths) -> None:
    before = load_catalog(home).by_id["qwen3-4b"]
    text = f"""
[models.qwen3-4b]
name = "Our Qwen"
[[models.qwen3-4b.variants]]
quantisation = "Q4_K_M"
repository = "Qwen/Qwen3-4B-GGUF"
files = [{{ path = "Qwen3-4B-Q4_K_M.gguf", size = 1, sha256 = "{SHA}" }}]
"""
    catalog = with_own(home, text)
    after = catalog.by_id["qwen3-4b"]
    assert said(catalog) == []
    assert (after.name, after.source, after.context, after.shape) == ("Our Qwen", Source.OWN, 40960, before.shape)
    assert len(after.variants) == len(before.variants)
    assert after.variants[0].size == 1
    assert [m.id for m in catalog.models].count("qwen3-4b") == 1


def test_one_of_ours_out_of_the_list(home: Paths) -> None:
    catalog = with_own(home, "[models.phi-2]\nhidden = true\n")
    assert "phi-2" not in catalog.by_id
    assert said(catalog) == []


def test_a_publisher_that_the_user_knows(home: Paths) -> None:
    catalog = with_own(home, '[publishers.hugging-quants]\ntier = "verified"\nevidence = "we know them"\n')
    found = catalog.publishers.of("hugging-quants/x")
    assert (found.tier, found.evidence) == (Tier.VERIFIED, "we know them")
    assert {v.tier for m in catalog.models for v in m.variants if v.repository.startswith("hugging-quants/")} == {
        Tier.VERIFIED
    }


BAD = """\
[models.good]
[[models.good.variants]]
repository = "a/b"
files = [{ path = "good.gguf" }]

[[models.good.variants]]
repository = "a/b"
files = [{ path = "../../etc/passwd" }]

[[models.good.variants]]
repository = "a/b"

[[models.good.variants.files]]
path = "x.gguf"
[[models.good.variants.files]]
path = "y.gguf"
sha256 = "123"

[models.BAD]
[[models.BAD.variants]]
repository = "a/b"
files = [{ path = "bad.gguf" }]

[models.slip]
contxt = 5
[[models.slip.variants]]
repository = "a/b"
files = [{ path = "slip.gguf" }]

[models.none]
name = "Nothing"

[models.phi-2]
context = "long"
"""


def test_a_bad_entry_is_named_by_file_and_line_and_the_rest_works(home: Paths) -> None:
    catalog = with_own(home, BAD)
    file = home.config / "catalog.toml"
    where = {(problem.line, problem.what) for problem in catalog.problems}
    assert all(problem.file == file for problem in catalog.problems)
    assert where == {
        (8, "path has to stay inside its repository"),
        (17, "sha256 has to be 64 hexadecimal digits"),
        (19, "BAD is no id: lower-case letters, digits, dots and hyphens"),
        (25, "there is no field contxt"),
        (30, "none has no variants, so nothing can be had of it"),
        (34, "context has to be a whole number, larger than 0"),
    }
    assert [variant.files[0].path for variant in catalog.by_id["good"].variants] == ["good.gguf"]
    assert catalog.by_id["phi-2"].source is Source.CATALOG  # ours, as it was
    assert not {"BAD", "slip", "none"} & catalog.by_id.keys()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("models = 5", 1, "models has to be a table"),
        ("[models]\nx = 1", 2, "x has to be a table"),
        ("[model.x]", 1, "model is no part of a catalog"),
        ("[models.x]\nvariants = 1", 2, "variants has to be a list"),
        ("[models.x]\n[[models.x.variants]]\n", 2, "a variant needs files, or a reason why it is unavailable"),
        ('[models.x]\n[[models.x.variants]]\nfiles = [{ path = "a.gguf" }]', 2, "a variant needs a repository"),
        ('[models.x]\nvariants = [{ repository = "a b" }]', 2, "repository has to be organisation/name"),
        ("[models.x]\n\n[models.x", 3, "the configuration is not valid TOML"),
        ('[publishers.x]\ntier = "best"', 2, "tier has to be one of lmstudio-partner, official"),
        ('[models.x]\nname = "\\u001b]52;c;aaaa\\u0007"\nvariants = []', 1, "x has no variants"),
    ],
)
def test_whatever_stands_there_is_a_problem_with_a_line(home: Paths, text: str, line: int, what: str) -> None:
    catalog = with_own(home, text)
    assert len(catalog.models) > 190
    assert [problem.line for problem in catalog.problems] == [line]
    assert catalog.problems[0].what.startswith(what)


def test_no_file_of_the_users_stops_the_program(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = load._read_ours()
    monkeypatch.setattr(load, "_read_ours", lambda: ours)  # parsed once: this is about the other file
    rng = random.Random(7)
    pieces = [*BAD.splitlines(), "[[models.good.variants]]", "size = -1", "size = 1e400", "kinds = [[[]]]", "shape = 3"]
    pieces += ["[models.good.shape]", "heads = [1, true]", "windowed = 7", "[models.good.variants]", "x = 1979-05-27"]
    pieces += [
        '"a.b" = { c = 1 }',
        "[publishers]",
        "y = 1",
        "\ud7ff",
        "[models.'x y']",
        "hidden = 1",
        "aliases = ['A B']",
    ]
    checked = 0  # whole files, of which single entries were looked at
    for _ in range(200):
        text = "\n".join(rng.sample(pieces, k=rng.randrange(8)))
        catalog = with_own(home, text)
        assert len(catalog.models) > 190
        assert all(str(problem) for problem in catalog.problems)
        checked += any("valid TOML" not in problem.what for problem in catalog.problems)
    assert checked > 50


def test_texts_of_the_users_are_cleaned(home: Paths) -> None:
    text = '[models.x]\nname = "A\\u001b[31mB\\u202e"\nvariants = [{ repository = "a/b", unavailable = "no\\u0007" }]'
    model = with_own(home, text).by_id["x"]
    assert (model.name, model.variants[0].reason) == ("A[31mB", "no")


# ── who publishes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_tiers_by_organisation(home: Paths) -> None:
    publishers = load_catalog(home).publishers
    tiers = {name: publishers.of(f"{name}/x").tier for name in ("Qwen", "lmstudio-community", "BARTOWSKI", "nobody")}
    assert tiers == {
        "Qwen": Tier.OFFICIAL,
        "lmstudio-community": Tier.PARTNER,
        "BARTOWSKI": Tier.VERIFIED,
        "nobody": Tier.COMMUNITY,
    }
    assert all(publishers.of(f"{name}/x").evidence for name in tiers)
    assert publishers.of("").tier is Tier.LOCAL
    assert asks_first(Tier.COMMUNITY) and not asks_first(Tier.VERIFIED)


def test_a_name_that_only_looks_alike_is_nobodys() -> None:
    publishers = Publishers({"Qwen": Credibility(Tier.OFFICIAL, "Alibaba", "x")})
    assert publishers.of("Qwеn/x").tier is Tier.COMMUNITY  # a Cyrillic letter
    assert publishers.of("Qwen-official/x").tier is Tier.COMMUNITY


# ── the one inside ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_model_inside_the_package(random_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "pocket.gguf"
    assert bundled_model(file) is None
    file.write_bytes(b"not a model")
    assert bundled_model(file) is None
    shutil.copyfile(random_model, file)
    model = bundled_model(file)
    assert model is not None
    assert (model.id, model.source, "pocket" in model.aliases) == ("pocket", Source.BUNDLED, True)
    (variant,) = model.variants
    assert (variant.proof, variant.size) == (Proof.PROVEN, file.stat().st_size)
    assert variant.files[0].sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert model.parameters and variant.quantisation


def test_it_stands_first_where_it_is_there(home: Paths, random_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offgrid_tui.catalog.load.bundled_model", lambda: bundled_model(random_model))
    catalog = load_catalog(home)
    assert catalog.models[0].id == "pocket"
    assert catalog.by_alias["pocket"].source is Source.BUNDLED
