"""What each layer keeps, by architecture: figures that can be worked out by hand from a model's published shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.layers import layers
from offgrid_tui.fit.model import Use
from offgrid_tui.gguf.header import Header, Tensor
from offgrid_tui.gguf.types import BY_NAME

KIB, MIB = 2**10, 2**20


def header(architecture: str, **keys: Any) -> Header:
    """A header without tensors; `__` in a key stands for a dot."""
    metadata = {f"{architecture}.{key.replace('__', '.')}": value for key, value in keys.items()}
    return Header(3, "little", 32, 0, 0, {"general.architecture": architecture, **metadata}, ())


def kv(model: Header, **use: Any) -> int:
    return estimate(model, Use(**{"context": 8192, "slots": 1, **use})).kv


QWEN3_06B = header(
    "qwen3",
    block_count=28,
    embedding_length=1024,
    attention__head_count=16,
    attention__head_count_kv=8,
    attention__key_length=128,
    attention__value_length=128,
)


def test_a_plain_transformer_keeps_keys_and_values_of_each_layer() -> None:
    assert kv(QWEN3_06B, context=1024) == 1024 * 28 * 2 * 8 * 128 * 2  # 112 KiB a token
    assert kv(QWEN3_06B, context=1024, kv_type_k="q8_0", kv_type_v="q8_0") == 1024 * 28 * 2 * 8 * 128 * 34 // 32


def test_the_cache_is_rounded_up_as_llama_cpp_does_it() -> None:
    row = kv(QWEN3_06B, context=256) // 256
    assert kv(QWEN3_06B, context=1000) == 1024 * row
    assert kv(QWEN3_06B, context=1000, slots=3, unified=False) == 3 * 512 * row  # a third of 1024 is 341
    assert kv(QWEN3_06B, context=1000, slots=3) == 1024 * row


def test_an_unknown_kv_type_is_named() -> None:
    with pytest.raises(ValueError, match="q3_9"):
        kv(QWEN3_06B, kv_type_k="q3_9")


def test_gemma_3_sees_all_tokens_in_every_sixth_layer() -> None:
    model = header("gemma3", block_count=26, embedding_length=1152, attention__head_count=4, attention__head_count_kv=1)
    assert {layer.window for layer in layers(model)} == {0}  # no window stated: none used
    model = replace(model, metadata={**model.metadata, "gemma3.attention.sliding_window": 512})
    assert [i for i, layer in enumerate(layers(model)) if not layer.window] == [5, 11, 17, 23]
    row = 2 * 288 * 2  # bytes of one layer's token
    assert kv(model, batch=256) == (4 * 8192 + 22 * 768) * row
    assert kv(model, batch=256, slots=4) == (4 * 8192 + 22 * (4 * 512 + 256)) * row
    assert kv(model, full_window=True) == 26 * 8192 * row


def test_patterns_stated_by_the_file_win() -> None:
    keys: dict[str, Any] = {
        "block_count": 4,
        "embedding_length": 64,
        "attention__head_count": 1,
        "attention__head_count_kv": 1,
        "attention__sliding_window": 128,
    }

    def full(**more: Any) -> list[int]:
        return [i for i, layer in enumerate(layers(header("gemma2", **keys, **more))) if not layer.window]

    assert full() == [1, 3]
    assert full(attention__sliding_window_pattern=4) == [3]
    assert full(attention__sliding_window_pattern=(True, True, False, True)) == [2]


def test_gemma_3n_shares_the_caches_of_its_first_twenty_layers() -> None:
    model = header(
        "gemma3n",
        block_count=30,
        embedding_length=2048,
        attention__head_count=8,
        attention__head_count_kv=2,
        attention__key_length=256,
        attention__value_length=256,
        attention__sliding_window=512,
    )
    found = layers(model)
    assert [layer.key for layer in found] == [512] * 20 + [0] * 10
    assert [i for i in range(20) if not found[i].window] == [4, 9, 14, 19]


def test_latent_attention_caches_one_vector() -> None:
    model = header(
        "deepseek2",
        block_count=27,
        embedding_length=2048,
        attention__head_count=16,
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
        attention__kv_lora_rank=512,
    )
    assert kv(model, context=1024) == 1024 * 27 * 576 * 2


def test_hybrids_keep_a_state_instead_of_tokens() -> None:
    model = header(
        "qwen3next",
        block_count=8,
        embedding_length=2048,
        attention__head_count=16,
        attention__head_count_kv=2,
        attention__key_length=256,
        attention__value_length=256,
        ssm__conv_kernel=4,
        ssm__inner_size=4096,
        ssm__state_size=128,
        ssm__group_count=16,
        ssm__time_step_rank=32,
    )
    found = layers(model)
    assert [bool(layer.key) for layer in found] == [False, False, False, True] * 2
    state = 3 * (4096 + 2 * 16 * 128) + 4096 * 128
    assert [layer.state for layer in found] == [state, state, state, 0] * 2
    needed = estimate(model, Use(context=8192, slots=4))
    assert needed.recurrent == 4 * 6 * state * 4
    assert needed.kv == 2 * 8192 * 2 * 512 * 2


def test_lfm2_convolves_where_there_are_no_heads() -> None:
    model = header(
        "lfm2",
        block_count=4,
        embedding_length=1024,
        attention__head_count=16,
        attention__head_count_kv=(0, 0, 8, 0),
        shortconv__l_cache=3,
    )
    assert [(layer.key, layer.state) for layer in layers(model)] == [(0, 2048), (0, 2048), (512, 0), (0, 2048)]


def test_encoders_cache_nothing() -> None:
    model = header("nomic-bert", block_count=12, embedding_length=768, attention__head_count=12)
    assert kv(model) == 0


def test_layers_that_only_predict_further_tokens_are_left_out() -> None:
    keys: dict[str, Any] = {
        "block_count": 5,
        "nextn_predict_layers": 1,
        "attention__head_count": 1,
        "embedding_length": 64,
    }
    assert len(layers(header("glm4moe", **keys))) == 4


def tensor(name: str, kind: str, rows: int, offset: int) -> Tensor:
    return Tensor(name, (256, rows), BY_NAME[kind], offset)


@pytest.mark.parametrize(
    "kind, features, copied",
    [
        ("Q4_K", ("AVX2",), True),
        ("Q4_K", ("NEON", "DOTPROD"), True),
        ("Q4_K", ("SSE3",), False),
        ("Q6_K", ("AVX2", "AVX512"), False),
        ("Q6_K", ("NEON", "MATMUL_INT8"), True),
        ("Q8_0", ("AVX2",), False),
        ("Q8_0", ("DOTPROD",), True),
        ("F16", ("AVX2", "DOTPROD"), False),
    ],
)
def test_which_weights_are_copied_depends_on_the_processor(kind: str, features: tuple[str, ...], copied: bool) -> None:
    embedding = tensor("token_embd.weight", "Q6_K", 512, 0)
    matrix = tensor("blk.0.ffn_up.weight", kind, 512, embedding.size)
    odd = tensor("blk.0.ffn_down.weight", kind, 509, embedding.size + matrix.size)
    model = replace(header("llama", block_count=1), tensors=(embedding, matrix, odd))
    needed = estimate(model, Use(context=256), features)
    tied = embedding.size if "MATMUL_INT8" in features or "DOTPROD" in features else 0  # it is the output, too
    assert needed.repacked == (matrix.size if copied else 0) + tied
    assert estimate(model, Use(context=256, mmap=False), features).weights == model.weights - (
        matrix.size if copied else 0
    )


def test_what_lies_on_the_gpu_does_not_count_for_the_memory() -> None:
    matrix = tensor("blk.0.ffn_up.weight", "Q4_K", 4096, 0)
    model = replace(QWEN3_06B, tensors=(matrix,))
    all_on_gpu = estimate(model, Use(context=8192, gpu_layers=99), ("AVX2",))
    assert all_on_gpu.repacked == 0
    assert all_on_gpu.memory == all_on_gpu.output + all_on_gpu.program
    half = estimate(model, Use(context=8192, gpu_layers=14), ("AVX2",))
    assert all_on_gpu.memory < half.memory < estimate(model, Use(context=8192), ("AVX2",)).memory


def test_what_was_copied_is_counted_once_unless_it_is_locked() -> None:
    embedding = tensor("token_embd.weight", "F16", 512, 0)
    matrix = tensor("blk.0.ffn_up.weight", "Q4_K", 4096, embedding.size)
    norm = tensor("output.weight", "F16", 512, embedding.size + matrix.size)
    model = replace(QWEN3_06B, tensors=(embedding, matrix, norm))
    needed = estimate(model, Use(context=256), ("AVX2",))
    assert (needed.weights, needed.repacked, needed.idle) == (model.weights, matrix.size, matrix.size)
    assert needed.weights_needed == model.weights
    assert needed.total - needed.memory == matrix.size
    locked = estimate(model, Use(context=256, mlock=True), ("AVX2",))
    assert locked.memory == needed.memory + matrix.size
    plain = estimate(model, Use(context=256))
    assert (plain.repacked, plain.idle, plain.memory) == (0, 0, needed.memory)
