"""What llama.cpp says of a file, and what its own code writes, beside what we read."""

from __future__ import annotations

import itertools
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import gguf
import pytest
from agreement import assert_agrees, read_all
from llama_writes import TENSORS, WRITTEN

from offgrid_tui.fit.layers import layers
from offgrid_tui.gguf.facts import facts_of
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.gguf.types import TENSOR_TYPES
from tests.support.engine import ROOT, engine_python
from tools.fitmatrix.models import write
from tools.fitmatrix.shapes import REAL, SMALL

HERE = Path(__file__).parent


def described(paths: list[Path], *, vocab_only: bool) -> list[dict[str, Any]]:
    done = subprocess.run(
        [engine_python(), str(HERE / "llama_describes.py")],
        input=json.dumps([[str(path), vocab_only] for path in paths]),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=150,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def same_metadata(header: Header, theirs: dict[str, str]) -> int:
    """Compares the scalars of both, and counts them; llama.cpp gives them as text, with six digits of a fraction."""
    compared = 0
    for key, value in header.metadata.items():
        if isinstance(value, bool):
            assert theirs[key] == ("true" if value else "false"), key
        elif isinstance(value, int | str):
            assert theirs[key] == str(value), key
        elif isinstance(value, float):
            assert float(theirs[key]) == pytest.approx(value, rel=1e-5, abs=1e-6), key
        else:
            continue
        compared += 1
    return compared


def test_what_llama_cpp_says_of_models_of_every_kind(tmp_path: Path) -> None:
    shapes = (*SMALL, *(shape for shape in REAL if shape.name in ("Llama 3.3 70B", "Qwen3 30B A3B")))
    paths = [write(shape, tmp_path) for shape in shapes]
    for path, theirs in zip(paths, described(paths, vocab_only=False), strict=True):
        header = read_header(path)
        assert same_metadata(header, theirs["metadata"]) > 8
        facts = facts_of(header)
        assert facts.parameters == theirs["parameters"]
        assert header.weights == theirs["weights"]
        assert (facts.layers, facts.embedding, facts.context) == tuple(
            theirs[name] for name in ("layers", "embedding", "context")
        )
        assert (header.heads[0], header.kv_heads[0]) == (theirs["heads"], theirs["kv_heads"])
        assert facts.vocabulary == theirs["vocabulary"]
        assert facts.recurrent == theirs["recurrent"]
        assert max(layer.window for layer in layers(header)) == theirs["window"]


def test_a_file_that_ggml_itself_wrote(tmp_path: Path) -> None:
    path = tmp_path / "written.gguf"
    subprocess.run([engine_python(), str(HERE / "llama_writes.py"), str(path)], check=True, timeout=60)
    header = read_all(path)
    expected = {name: tuple(value) if isinstance(value, list) else value for name, (_, value) in WRITTEN.items()}
    assert header.metadata == expected
    assert all(type(header.metadata[name]) is type(value) for name, value in expected.items())
    for tensor in header.tensors:
        shape, kind = TENSORS[tensor.name]
        assert tensor.kind is TENSOR_TYPES[kind]
        assert tuple(n for n in tensor.shape if n != 1) == tuple(n for n in shape if n != 1)
    assert [tensor.name for tensor in header.tensors] == list(TENSORS)
    assert_agrees(path)


# ── real vocabularies ──────────────────────────────────────────────────────────────────────────────────────────────


def test_llama_cpps_own_vocabularies(tmp_path: Path) -> None:
    """Nineteen files that its developers converted: real texts, real merges."""
    sources = sorted((ROOT / "build/peers").glob("llama_cpp_python-*.tar.gz"))
    assert sources, "`make sources` fetches llama.cpp's sources"
    with tarfile.open(sources[-1]) as archive:
        for member in archive:
            name = Path(member.name).name
            if name.startswith("ggml-vocab-") and name.endswith(".gguf") and (data := archive.extractfile(member)):
                (tmp_path / name).write_bytes(data.read())
    paths = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    assert len(paths) >= 19
    assert_agrees(paths[0])  # the package takes six seconds for each: all of them agree, but one is enough to wait for
    for path, theirs in zip(paths, described(paths, vocab_only=True), strict=True):
        header = read_all(path)
        assert same_metadata(header, theirs["metadata"]) > 8
        assert header.vocabulary == theirs["vocabulary"]
        assert facts_of(read_header(path)).vocabulary == theirs["vocabulary"]


# ── vocabularies as large as real ones ─────────────────────────────────────────────────────────────────────────────


def test_a_vocabulary_as_large_as_the_largest(tmp_path: Path) -> None:
    """A quarter of a million tokens of many scripts, with scores, kinds and merges."""
    scripts = ("the", "naïve", "Größe", "модель", "模型", "モデル", "🦙", "\u200bמודל", "<0x0A>", "▁word")
    tokens = [f"{scripts[n % len(scripts)]}{n}" for n in range(262_144)]
    writer = gguf.GGUFWriter(tmp_path / "large.gguf", "gemma3")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(n) for n in range(len(tokens))])
    writer.add_token_types([1] * len(tokens))
    writer.add_token_merges([f"{a} {b}" for a, b in itertools.pairwise(tokens[:100_000])])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    header = read_header(tmp_path / "large.gguf")
    assert (header.vocabulary, header.merges) == (262_144, 99_999)
    whole = read_all(tmp_path / "large.gguf")
    assert whole.metadata["tokenizer.ggml.tokens"] == tuple(tokens)
