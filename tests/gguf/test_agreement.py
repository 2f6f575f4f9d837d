"""Our reader and the gguf package read the same from the same files."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
from agreement import assert_agrees
from gguf_files import write

from offgrid_tui.gguf.header import Stored
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.gguf.types import FILE_TYPES, TENSOR_TYPES, ValueType

OUTDATED = {"Q8_1"}  # 40 bytes in the package, 36 in ggml (which never writes it to a file)


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("alignment", [None, 32, 64, 4096])
def test_every_kind_of_value(tmp_path: Path, big: bool, alignment: int | None) -> None:
    header = assert_agrees(write(tmp_path / "a.gguf", big=big, alignment=alignment))
    assert header.byte_order == ("big" if big else "little")
    assert header.version == 3


def test_version_2_is_laid_out_as_version_3(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf")
    data = bytearray(path.read_bytes())
    data[4] = 2
    path.write_bytes(data)
    assert assert_agrees(path).version == 2


@pytest.mark.parametrize("kind", [k for k in gguf.GGML_QUANT_SIZES if k.name not in OUTDATED], ids=lambda k: k.name)
def test_every_type_of_tensor(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    ours = TENSOR_TYPES[kind.value]
    assert (ours.name, ours.block, ours.size) == (kind.name, *gguf.GGML_QUANT_SIZES[kind])
    number = kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
    kinds = (gguf.GGMLQuantizationType.F32,) if number else (gguf.GGMLQuantizationType.F32, kind)
    header = assert_agrees(write(tmp_path / "a.gguf", kinds=kinds))
    assert len(header.tensors) == 3 * len(kinds)


def test_every_recipe_has_the_name_that_the_package_gives_it() -> None:
    for recipe in gguf.LlamaFileType:
        if recipe.name != "GUESSED":
            name = recipe.name.removeprefix("ALL_").removeprefix("MOSTLY_").removesuffix("_MOE")
            assert FILE_TYPES[recipe.value] == name


def test_long_arrays_and_texts_stay_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gguf", vocabulary=5000)
    header = read_header(path)
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Stored)
    assert (tokens.kind, tokens.length) == (ValueType.STRING, 5000)
    assert (header.vocabulary, header.merges) == (5000, 2500)
    data = path.read_bytes()[tokens.offset : tokens.offset + tokens.size]
    assert data.startswith(b"\x07\0\0\0\0\0\0\0token 0")
    assert data.endswith(b"token 4999")


def test_what_the_header_says_of_the_model(tmp_path: Path) -> None:
    header = read_header(write(tmp_path / "a.gguf"))
    assert header.architecture == "llama"
    assert header.name == "A test model"  # one safe line
    assert (header.layers, header.context_trained, header.embedding) == (2, 4096, 64)
    assert (header.heads, header.kv_heads) == ((4, 4), (2, 1))
    assert (header.key_length, header.value_length) == (16, 16)
    assert (header.vocabulary, header.tokenizer) == (300, "gpt2")
    assert header.chat_template == "{% for m in messages %}{{ m.content }}{% endfor %}"
    assert header.parameters == 24 * (1 + 2 + 3)
    assert header.weights == 4 * header.parameters
    assert header.split is None


def test_quantisation_is_the_recipe_else_what_takes_most_bytes(tmp_path: Path) -> None:
    kinds = (gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.Q6_K)
    assert read_header(write(tmp_path / "a.gguf", kinds=kinds)).quantisation == "Q6_K"
    recipe = gguf.LlamaFileType.MOSTLY_Q4_K_M
    assert read_header(write(tmp_path / "b.gguf", kinds=kinds, recipe=recipe)).quantisation == "Q4_K_M"
