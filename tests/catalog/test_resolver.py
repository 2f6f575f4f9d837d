"""What names mean, on the catalog that ships."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from offgrid_tui.catalog.errors import AmbiguousName, UnknownName
from offgrid_tui.catalog.load import Catalog, load_catalog
from offgrid_tui.catalog.resolver import Meaning, Resolved, Resolver
from offgrid_tui.system.paths import Paths


@dataclass(frozen=True)
class Installed:
    """As much of an installed model as names need."""

    id: str
    name: str
    path: Path = Path("/models/x.gguf")
    catalog: str = ""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return load_catalog(Paths.from_environment({"OFFGRID_HOME": str(tmp_path_factory.mktemp("home"))}))


def meaning(catalog: Catalog, text: str, *here: Installed, **aliases: str) -> Resolved:
    return Resolver(catalog, aliases, lambda: here, lambda: Path("/nowhere")).resolve(text)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("llama3.2", "llama-3.2-3b-instruct"),
        ("llama3.2:1b", "llama-3.2-1b-instruct"),
        ("LLAMA3.2:latest", "llama-3.2-3b-instruct"),
        ("qwen3:4b", "qwen3-4b"),
        ("mistral", "mistral-7b-instruct-v0.3"),
        ("mistral:instruct", "mistral-7b-instruct-v0.3"),
        ("mistral:7b-instruct", "mistral-7b-instruct-v0.3"),
        ("nomic-embed-text", "nomic-embed-text-v1.5"),
        ("qwen2.5-coder", "qwen2.5-coder-7b-instruct"),
        ("qwen3:4b-instruct", "qwen3-4b-instruct-2507"),
        ("ibm/granite:2b", "granite-3.3-2b-instruct"),
        ("phi-2", "phi-2"),
        ("Qwen3 4B", "qwen3-4b"),
        ("smollm3", "smollm3-3b"),  # the only one that begins so
        ("  qwen3:4b ", "qwen3-4b"),
    ],
)
def test_names_of_models(catalog: Catalog, text: str, id: str) -> None:
    found = meaning(catalog, text)
    assert (found.meaning, found.model and found.model.id) == (Meaning.MODEL, id)
    assert found.why and found.text == text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("llama3.2:1b-instruct-q8_0", "bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q8_0.gguf"),
        ("llama3.2:1b-q8_0", "bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q8_0.gguf"),
        ("qwen3-4b:q4_k_m", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("nomic-embed-text:v1.5-fp16", "nomic-ai/nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.f16.gguf"),
        ("hf.co/Qwen/Qwen3-4B-GGUF", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("huggingface.co/Qwen/Qwen3-4B-GGUF:Q4_K_M", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("Qwen/Qwen3-4B-GGUF", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("qwen/qwen3-4b-gguf", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        ("Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"),
        (
            "https://huggingface.co/Qwen/Qwen3-4B-GGUF/blob/main/Qwen3-4B-Q4_K_M.gguf",
            "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf",
        ),
        (
            "https://huggingface.co/Qwen/Qwen3-4B-GGUF/resolve/bc640142c66e1fdd12af0bd68f40445458f3869b/Qwen3-4B-Q4_K_M.gguf",
            "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf",
        ),
        (
            "hf:mixedbread-ai/mxbai-embed-large-v1/gguf/mxbai-embed-large-v1-f16.gguf",
            "mixedbread-ai/mxbai-embed-large-v1/gguf/mxbai-embed-large-v1-f16.gguf",
        ),
        ("phi-2.Q4_K_M.gguf", "TheBloke/phi-2-GGUF/phi-2.Q4_K_M.gguf"),
    ],
)  # fmt: skip
def test_names_of_variants(catalog: Catalog, text: str, key: str) -> None:
    found = meaning(catalog, text)
    assert (found.meaning, found.variant and found.variant.key) == (Meaning.MODEL, key)


def test_a_repository_with_several_quantisations_leaves_the_choice_open(catalog: Catalog) -> None:
    found = meaning(catalog, "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF")
    assert found.model is not None and found.variant is None
    assert found.repository == "bartowski/Llama-3.2-1B-Instruct-GGUF"


@pytest.mark.parametrize(
    ("text", "sort", "repository", "quantisation", "file", "revision"),
    [
        ("hf.co/foo/bar", Meaning.REPOSITORY, "foo/bar", "", "", ""),
        ("foo/bar:Q4_K_M", Meaning.REPOSITORY, "foo/bar", "Q4_K_M", "", ""),
        ("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q5_0", Meaning.REPOSITORY,
         "bartowski/Llama-3.2-1B-Instruct-GGUF", "Q5_0", "", ""),
        ("hf:foo/bar/sub/x.gguf", Meaning.FILE, "foo/bar", "", "sub/x.gguf", ""),
        ("https://hf.co/foo/bar/blob/v2/x%20y.gguf", Meaning.FILE, "foo/bar", "", "x y.gguf", "v2"),
        ("https://huggingface.co/foo/bar/tree/v2", Meaning.REPOSITORY, "foo/bar", "", "", "v2"),
        ("https://huggingface.co/Qwen/Qwen3-4B-GGUF/blob/abcdef0/Qwen3-4B-Q4_K_M.gguf", Meaning.FILE,
         "Qwen/Qwen3-4B-GGUF", "", "Qwen3-4B-Q4_K_M.gguf", "abcdef0"),
    ],
)  # fmt: skip
def test_what_no_catalog_has_on_hugging_face(
    catalog: Catalog, text: str, sort: Meaning, repository: str, quantisation: str, file: str, revision: str
) -> None:
    found = meaning(catalog, text)
    assert (found.meaning, found.repository, found.quantisation) == (sort, repository, quantisation)
    assert (found.file, found.revision, found.model) == (file, revision, None)


def test_an_address_of_somebody_elses(catalog: Catalog) -> None:
    found = meaning(catalog, "https://example.org/m/a.gguf")
    assert (found.meaning, found.address) == (Meaning.ADDRESS, "https://example.org/m/a.gguf")
    assert meaning(catalog, "https://huggingface.co.evil.org/Qwen/Qwen3-4B-GGUF").meaning is Meaning.ADDRESS


def test_paths(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "models" / "x.gguf"
    file.parent.mkdir()
    file.touch()
    resolver = Resolver(catalog, {}, lambda: (), lambda: tmp_path)
    assert resolver.resolve(str(file)).path == file
    assert resolver.resolve("models/x.gguf").path == file  # a repository is not called so
    assert resolver.resolve("./models").path == file.parent
    for missing in ("./nope.gguf", "/nope", "~/nope-nope.gguf", "models/y.gguf", "y.gguf"):
        with pytest.raises(UnknownName, match="Nothing is called") as caught:
            resolver.resolve(missing)
        assert "no such file" in caught.value.detail


def test_what_is_installed_comes_first(catalog: Catalog) -> None:
    mine = Installed("abc", "Qwen3 4B", Path("/m/q.gguf"), "unsloth/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf")
    for text in ("abc", "qwen3 4b"):
        found = meaning(catalog, text, mine)
        assert (found.meaning, found.installed, found.path) == (Meaning.INSTALLED, "abc", Path("/m/q.gguf"))
        assert found.variant is not None and found.variant.repository == "unsloth/Qwen3-4B-GGUF"


def test_a_name_of_the_catalog_says_which_variant_is_here(catalog: Catalog) -> None:
    mine = Installed("abc", "whatever", catalog="unsloth/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf")
    assert meaning(catalog, "qwen3:4b", mine).installed == "abc"
    assert meaning(catalog, "qwen3:4b-q4_k_m", mine).installed is None  # the first in Q4_K_M is Qwen's own
    assert meaning(catalog, "qwen3:8b", mine).installed is None


def test_a_file_that_is_installed(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.touch()
    assert meaning(catalog, str(file), Installed("abc", "x", file)).installed == "abc"


def test_two_installed_models_of_one_name(catalog: Catalog) -> None:
    with pytest.raises(AmbiguousName) as caught:
        meaning(catalog, "same", Installed("a1", "Same"), Installed("a2", "same"))
    assert caught.value.candidates == ("a1", "a2")


def test_the_users_own_short_names(catalog: Catalog) -> None:
    found = meaning(catalog, "Fast", fast="faster", faster="qwen3:0.6b")
    assert found.model is not None and found.model.id == "qwen3-0.6b"
    assert found.through == ("fast", "faster")
    assert found.why.startswith("your short name for faster: ")
    over = meaning(catalog, "mistral", mistral="qwen3:4b")
    assert over.model is not None and over.model.id == "qwen3-4b"
    assert meaning(catalog, "mistral", mistral="mistral").model is not None


def test_short_names_in_a_circle(catalog: Catalog) -> None:
    with pytest.raises(UnknownName) as caught:
        meaning(catalog, "a", a="b", b="c", c="a")
    assert "a > b > c > a" in caught.value.detail


def test_several_meanings_are_listed(catalog: Catalog) -> None:
    with pytest.raises(AmbiguousName) as caught:
        meaning(catalog, "gemma-3-4b-it-Q4_K_M.gguf")
    assert {candidate.partition("/")[0] for candidate in caught.value.candidates} == {"ggml-org", "unsloth"}
    with pytest.raises(AmbiguousName) as caught:
        meaning(catalog, "gemma")
    assert "gemma3:4b" in caught.value.candidates
    for candidate in caught.value.candidates:  # each of which means one thing
        assert meaning(catalog, candidate).model is not None


@pytest.mark.parametrize(
    ("slip", "near"),
    [("lama3.2", "llama3.2:3b"), ("qwn3:4b", "qwen3:4b"), ("mistrall", "mistral:7b"), ("nomic-embd-text", "nomic")],
)
def test_a_slip_is_answered_with_what_is_near(catalog: Catalog, slip: str, near: str) -> None:
    with pytest.raises(UnknownName) as caught:
        meaning(catalog, slip)
    assert any(name.startswith(near) for name in caught.value.near)
    assert "Near it" in caught.value.detail


def test_a_slip_in_a_name_of_the_users(catalog: Catalog) -> None:
    with pytest.raises(UnknownName) as caught:
        meaning(catalog, "workhorze", Installed("i", "House model"), workhorse="qwen3:4b")
    assert caught.value.near[0] == "workhorse"


def test_a_quantisation_that_the_catalog_has_not(catalog: Catalog) -> None:
    with pytest.raises(UnknownName) as caught:
        meaning(catalog, "llama3.2:1b-instruct-q2_K")
    assert "Q4_K_M" in caught.value.detail and "hf.co" in caught.value.mend


HARMFUL = (
    *("", "   ", "a\x1b[31mb", "\u202egnp", "x" * 5000, "\ud800", ":", "::", "a:", "/" * 50),
    *("hf:", "hf:/", "hf:a", "https://", "https://[", "http://hf.co//x", "..", "~nobody-here/x"),
)


@pytest.mark.parametrize("text", HARMFUL)
def test_no_text_does_harm(catalog: Catalog, text: str) -> None:
    try:
        found = meaning(catalog, text)
    except (UnknownName, AmbiguousName) as error:
        assert "\x1b" not in str(error)
        assert len(str(error)) < 2000
    else:
        assert found.meaning in (Meaning.PATH, Meaning.ADDRESS)
