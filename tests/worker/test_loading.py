"""Loading: what is told of a model, and why one did not load."""

from __future__ import annotations

import resource
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gguf
import pytest

from offgrid_tui.engine.contract import ErrorCode, Load, Loaded, LoadOptions, LoadProgress, Log
from tests.support import models
from tests.support.worker import OPTIONS, worker


def test_what_is_told_of_a_model(random_model: Path) -> None:
    with worker() as process:
        loaded = process.load(random_model)
        phases = [(e.phase, e.fraction) for e in process.events if isinstance(e, LoadProgress)]
        assert any(isinstance(event, Log) for event in process.events)
    assert list(dict.fromkeys(phase for phase, _ in phases)) == ["weights", "context", "warm-up"]
    assert ("weights", 1.0) in phases
    assert phases[-1] == ("warm-up", 1.0)
    assert (loaded.name, loaded.architecture, loaded.quantisation) == ("Random", "llama", "F32")
    reader = gguf.GGUFReader(random_model)
    assert loaded.parameters == sum(int(tensor.n_elements) for tensor in reader.tensors)
    assert loaded.file_size == random_model.stat().st_size
    assert (loaded.context_trained, loaded.context, loaded.slots, loaded.layers) == (2048, 2048, 8, 2)
    assert (loaded.threads, loaded.threads_batch) == (1, 1)
    assert loaded.template == "gguf"
    # 2 layers, 2048 cells, 128 values each for K and V, two bytes a value.
    assert loaded.memory["kv CPU"] == 2 * 2048 * 128 * 2 * 2
    assert {name.split()[0] for name in loaded.memory} >= {"weights", "kv", "compute", "output"}
    assert loaded.gpu_layers == 0 or loaded.devices != ("CPU",)


def test_what_was_not_asked_for_is_chosen_and_told(random_model: Path) -> None:
    with worker() as process:
        loaded = process.load(random_model, LoadOptions())
    assert loaded.context == 2048  # as trained, where that is less than the default
    assert loaded.slots >= 1
    assert loaded.threads >= 1
    assert loaded.threads_batch >= loaded.threads


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, kv_type_k="q8_0", kv_type_v="q8_0"),
        replace(OPTIONS, kv_type_k="bf16", kv_type_v="f32", flash_attention=True),
        replace(OPTIONS, mmap=False, mlock=True),
        replace(OPTIONS, batch=32, slots=64, context=1000),
        replace(OPTIONS, gpu_layers=99),
    ],
)
def test_every_option_loads_and_answers(random_model: Path, options: LoadOptions) -> None:
    with worker(random_model, options) as process:
        loaded = next(event for event in process.events if isinstance(event, Loaded))
        assert loaded.context == options.context
        assert process.generate("Hello").done.completion_tokens == 32


@pytest.mark.parametrize(
    "options",
    [
        LoadOptions(context=0),
        LoadOptions(context=2**31),
        LoadOptions(slots=0),
        LoadOptions(slots=1000),
        LoadOptions(batch=1),
        LoadOptions(threads=0),
        LoadOptions(threads_batch=10**6),
        LoadOptions(kv_type_k="q2_k"),
        LoadOptions(kv_type_v="q8_0", flash_attention=False),
    ],
)
def test_options_that_would_break_llama_cpp_are_refused(random_model: Path, options: LoadOptions) -> None:
    with worker() as process:
        assert process.load_error(random_model, options).code is ErrorCode.BAD_REQUEST
        assert process.wait_end() == 0


def test_more_than_it_was_trained_for_is_said(random_model: Path) -> None:
    with worker(random_model, replace(OPTIONS, context=4096)) as process:
        loaded = next(event for event in process.events if isinstance(event, Loaded))
        assert "2048" in loaded.warnings[0]


def test_a_worker_takes_one_model(random_model: Path) -> None:
    with worker(random_model) as process:
        process.send(Load("again", str(random_model)))
        assert process.answer("again").error.code is ErrorCode.BAD_REQUEST
        assert process.generate("Hello").done.completion_tokens == 32


def without(key: str) -> Callable[[bytes], bytes]:
    """The file without a metadata key (another of the same length stands in its place)."""
    return lambda data: data.replace(
        struct.pack("<Q", len(key)) + key.encode(), struct.pack("<Q", len(key)) + b"x" * len(key)
    )


BROKEN: dict[str, tuple[Callable[[bytes], bytes], set[ErrorCode], str]] = {
    "empty": (lambda data: b"", {ErrorCode.NOT_GGUF, ErrorCode.TRUNCATED}, ""),
    "a text": (lambda data: b"# README\n" * 100, {ErrorCode.NOT_GGUF}, "letters GGUF"),
    "three letters": (lambda data: b"GGU", {ErrorCode.TRUNCATED}, ""),
    "the header cut": (lambda data: data[:200], {ErrorCode.TRUNCATED, ErrorCode.DAMAGED}, "llama.cpp"),
    "the tensors cut": (lambda data: data[:-100_000], {ErrorCode.TRUNCATED}, "not within the file bounds"),
    "another architecture": (
        lambda data: data.replace(b"llama", b"lllll"),
        {ErrorCode.UNSUPPORTED_ARCHITECTURE},
        "lllll",
    ),
    "no tokenizer": (without("tokenizer.ggml.model"), {ErrorCode.NO_TOKENIZER}, "tokenizer"),
    "no tokens": (without("tokenizer.ggml.tokens"), {ErrorCode.NO_TOKENIZER}, "token"),
    "no merges": (without("tokenizer.ggml.merges"), {ErrorCode.NO_TOKENIZER}, "merges"),
    "a tensor missing": (
        lambda data: data.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"),
        {ErrorCode.DAMAGED},
        "ffn_up",
    ),
    "another version": (lambda data: data[:4] + struct.pack("<I", 99) + data[8:], {ErrorCode.DAMAGED}, "version"),
    "no layers key": (without("llama.block_count"), {ErrorCode.DAMAGED}, "block_count"),
    "not a number": (lambda data: data[:-200_000] + b"\xff" * 200_000, {ErrorCode.DAMAGED}, "not finite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_why_a_file_does_not_load(random_model: Path, tmp_path: Path, name: str) -> None:
    change, codes, said = BROKEN[name]
    path = tmp_path / "broken.gguf"
    path.write_bytes(change(random_model.read_bytes()))
    with worker() as process:
        error = process.load_error(path)
        assert error.code in codes, error
        assert said in error.detail, error
        assert error.title and error.mend
        assert process.wait_end() == 0


def test_why_a_path_does_not_load(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "nowhere.gguf", ErrorCode.NOT_FOUND), (tmp_path, ErrorCode.NOT_GGUF)):
        with worker() as process:
            assert process.load_error(path).code is code


def test_more_memory_than_there_is(random_model: Path) -> None:
    with worker() as process:
        resource.prlimit(process.process.pid, resource.RLIMIT_AS, (2**32, 2**32))
        error = process.load_error(random_model, replace(OPTIONS, context=2**22))
        assert error.code is ErrorCode.OUT_OF_MEMORY
        assert "allocate" in error.detail


def test_a_name_of_any_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "modèle 🦙"
    folder.mkdir()
    with worker(models.random_model(folder)) as process:
        assert process.generate("Hello").done.completion_tokens == 32
