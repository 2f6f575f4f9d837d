"""Model files of many shapes: real headers over holes, so that they cost no disk and no time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from offgrid_tui.gguf.reader import parse_header
from offgrid_tui.gguf.source import MemorySource

Q = gguf.GGMLQuantizationType
VECTOR = Q.F32  # norms and biases


@dataclass(frozen=True)
class Shape:
    """One model; `kind` is the type of its matrices."""

    name: str
    arch: str
    layers: int = 2
    embedding: int = 256
    heads: int = 4
    kv_heads: int | tuple[int, ...] = 4
    head: int = 64
    value: int | None = None
    forward: int = 1024
    vocabulary: int = 4096
    trained: int = 131072
    kind: Q = Q.Q8_0
    tied: bool = False
    experts: int = 0
    experts_used: int = 0
    expert_forward: int = 0  # of one expert; 0 for `forward`
    shared: int = 0  # width of the shared experts together
    dense: int = 0  # layers at the beginning without experts
    window: int = 0
    keys: tuple[tuple[str, Any], ...] = ()


def write(shape: Shape, folder: Path) -> Path:
    """The file of `shape`; its tensors are zeros that take no disk."""
    path = folder / f"{shape.name}.gguf"
    writer = gguf.GGUFWriter(path, shape.arch)
    _keys(writer, shape)
    for name, dims, kind in TENSORS[shape.arch](shape):
        elements = int(np.prod(dims))
        if dims[0] % gguf.GGML_QUANT_SIZES[kind][0]:
            kind = Q.F32
        block, size = gguf.GGML_QUANT_SIZES[kind]
        # With a raw type the writer wants the shape in bytes, rows first.
        row = dims[0] // block * size
        whole = (*reversed(dims[1:]), row) if kind not in (Q.F32, Q.F16) else tuple(reversed(dims))
        dtype = {Q.F32: np.float32, Q.F16: np.float16}.get(kind, np.uint8)
        writer.add_tensor_info(name, whole, np.dtype(dtype), elements // block * size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    _extend(path)
    return path


def _extend(path: Path) -> None:
    """Give the file the length that its header promises."""
    header = parse_header(MemorySource(path.read_bytes(), 1 << 60))
    last = header.tensors[-1]
    with path.open("r+b") as file:
        file.truncate(header.data_offset + last.offset + last.size)


def _keys(w: gguf.GGUFWriter, s: Shape) -> None:
    w.add_context_length(s.trained)
    w.add_embedding_length(s.embedding)
    w.add_block_count(s.layers)
    w.add_feed_forward_length(s.forward)
    w.add_head_count(s.heads)
    w.add_head_count_kv(list(s.kv_heads) if isinstance(s.kv_heads, tuple) else s.kv_heads)
    w.add_key_length(s.head)
    w.add_value_length(s.value or s.head)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_layer_norm_eps(1e-6)
    w.add_vocab_size(s.vocabulary)
    w.add_tokenizer_model("no_vocab")
    if "{arch}.rope.dimension_count" not in dict(s.keys):
        w.add_rope_dimension_count(s.head)
    if s.experts:
        w.add_expert_count(s.experts)
        w.add_expert_used_count(s.experts_used)
        w.add_expert_feed_forward_length(s.expert_forward or s.forward)
        if s.shared:
            w.add_expert_shared_feed_forward_length(s.shared)
    if s.window:
        w.add_sliding_window(s.window)
    for key, value in s.keys:
        key = key.replace("{arch}", s.arch)
        if isinstance(value, bool):
            w.add_bool(key, value)
        elif isinstance(value, int):
            w.add_uint32(key, value)
        elif isinstance(value, float):
            w.add_float32(key, value)
        else:
            w.add_array(key, value)


def _common(s: Shape) -> list[tuple[str, tuple[int, ...], Q]]:
    tensors = [
        ("token_embd.weight", (s.embedding, s.vocabulary), s.kind),
        ("output_norm.weight", (s.embedding,), VECTOR),
    ]
    if not s.tied:
        tensors.append(("output.weight", (s.embedding, s.vocabulary), s.kind))
    return tensors


def _kv(s: Shape, i: int) -> int:
    return s.kv_heads[i] if isinstance(s.kv_heads, tuple) else s.kv_heads


def _llama(s: Shape, *, norms: bool = False, posts: bool = False, bias: bool = False) -> list[Any]:
    tensors = _common(s)
    for i in range(s.layers):
        b, kv, value = f"blk.{i}.", _kv(s, i), s.value or s.head
        tensors += [
            (b + "attn_norm.weight", (s.embedding,), VECTOR),
            (b + "attn_q.weight", (s.embedding, s.heads * s.head), s.kind),
            (b + "attn_k.weight", (s.embedding, kv * s.head), s.kind),
            (b + "attn_v.weight", (s.embedding, kv * value), s.kind),
            (b + "attn_output.weight", (s.heads * value, s.embedding), s.kind),
            (b + "ffn_norm.weight", (s.embedding,), VECTOR),
        ]
        if bias:
            tensors += [
                (b + "attn_q.bias", (s.heads * s.head,), VECTOR),
                (b + "attn_k.bias", (kv * s.head,), VECTOR),
                (b + "attn_v.bias", (kv * value,), VECTOR),
            ]
        if norms:
            tensors += [
                (b + "attn_q_norm.weight", (s.head,), VECTOR),
                (b + "attn_k_norm.weight", (s.head,), VECTOR),
            ]
        if posts:
            tensors += [
                (b + "post_attention_norm.weight", (s.embedding,), VECTOR),
                (b + "post_ffw_norm.weight", (s.embedding,), VECTOR),
            ]
        tensors += _forward(s, b, i)
    return tensors


def _phi3(s: Shape) -> list[Any]:
    tensors = _common(s)
    for i in range(s.layers):
        b = f"blk.{i}."
        tensors += [
            (b + "attn_norm.weight", (s.embedding,), VECTOR),
            (b + "attn_qkv.weight", (s.embedding, (s.heads + 2 * _kv(s, i)) * s.head), s.kind),
            (b + "attn_output.weight", (s.heads * s.head, s.embedding), s.kind),
            (b + "ffn_norm.weight", (s.embedding,), VECTOR),
            (b + "ffn_up.weight", (s.embedding, 2 * s.forward), s.kind),
            (b + "ffn_down.weight", (s.forward, s.embedding), s.kind),
        ]
    return tensors


def _mamba(s: Shape) -> list[Any]:
    keys = dict(s.keys)
    inner, state = keys["{arch}.ssm.inner_size"], keys["{arch}.ssm.state_size"]
    conv, rank = keys["{arch}.ssm.conv_kernel"], keys["{arch}.ssm.time_step_rank"]
    tensors = _common(s)
    for i in range(s.layers):
        b = f"blk.{i}."
        tensors += [
            (b + "attn_norm.weight", (s.embedding,), VECTOR),
            (b + "ssm_in.weight", (s.embedding, 2 * inner), s.kind),
            (b + "ssm_conv1d.weight", (conv, inner), VECTOR),
            (b + "ssm_conv1d.bias", (inner,), VECTOR),
            (b + "ssm_x.weight", (inner, rank + 2 * state), s.kind),
            (b + "ssm_dt.weight", (rank, inner), s.kind),
            (b + "ssm_dt.bias", (inner,), VECTOR),
            (b + "ssm_a", (state, inner), VECTOR),
            (b + "ssm_d", (inner,), VECTOR),
            (b + "ssm_out.weight", (inner, s.embedding), s.kind),
        ]
    return tensors


def _deepseek2(s: Shape) -> list[Any]:
    keys = dict(s.keys)
    lora = keys["{arch}.attention.kv_lora_rank"]
    rope = keys["{arch}.rope.dimension_count"]
    head, value = keys["{arch}.attention.key_length_mla"], keys["{arch}.attention.value_length_mla"]
    nope, rank = head - rope, keys.get("{arch}.attention.q_lora_rank", 0)
    tensors = _common(s)
    for i in range(s.layers):
        b = f"blk.{i}."
        tensors += [
            (b + "attn_norm.weight", (s.embedding,), VECTOR),
            (b + "attn_kv_a_norm.weight", (lora,), VECTOR),
            *(
                [
                    (b + "attn_q_a.weight", (s.embedding, rank), s.kind),
                    (b + "attn_q_a_norm.weight", (rank,), VECTOR),
                    (b + "attn_q_b.weight", (rank, s.heads * head), s.kind),
                ]
                if rank
                else [(b + "attn_q.weight", (s.embedding, s.heads * head), s.kind)]
            ),
            (b + "attn_kv_a_mqa.weight", (s.embedding, lora + rope), s.kind),
            (b + "attn_k_b.weight", (nope, lora, s.heads), s.kind),
            (b + "attn_v_b.weight", (lora, value, s.heads), s.kind),
            (b + "attn_output.weight", (s.heads * value, s.embedding), s.kind),
            (b + "ffn_norm.weight", (s.embedding,), VECTOR),
            *_forward(s, b, i),
        ]
    return tensors


def _bert(s: Shape) -> list[Any]:
    """An encoder: learned positions, norms behind, and no output."""
    tensors = [
        ("token_embd.weight", (s.embedding, s.vocabulary), s.kind),
        ("token_types.weight", (s.embedding, 2), VECTOR),
        ("position_embd.weight", (s.embedding, s.trained), VECTOR),
        *_both("token_embd_norm", s.embedding),
    ]
    for i in range(s.layers):
        b = f"blk.{i}."
        for name, shape in {
            "attn_q": (s.embedding, s.embedding),
            "attn_k": (s.embedding, s.embedding),
            "attn_v": (s.embedding, s.embedding),
            "attn_output": (s.embedding, s.embedding),
            "ffn_up": (s.embedding, s.forward),
            "ffn_down": (s.forward, s.embedding),
        }.items():
            tensors += [(f"{b}{name}.weight", shape, s.kind), (f"{b}{name}.bias", shape[1:], VECTOR)]
        tensors += [*_both(b + "attn_output_norm", s.embedding), *_both(b + "layer_output_norm", s.embedding)]
    return tensors


def _both(name: str, width: int) -> list[Any]:
    return [(f"{name}.{part}", (width,), VECTOR) for part in ("weight", "bias")]


def _hybrid(s: Shape) -> list[Any]:
    """Granite 4: Mamba 2 where there are no key-value heads, attention elsewhere."""
    keys = dict(s.keys)
    inner, state = keys["{arch}.ssm.inner_size"], keys["{arch}.ssm.state_size"]
    conv, rank, groups = keys["{arch}.ssm.conv_kernel"], keys["{arch}.ssm.time_step_rank"], 1
    mixed = inner + 2 * groups * state
    tensors = _common(s)
    for i in range(s.layers):
        b, kv = f"blk.{i}.", _kv(s, i)
        tensors.append((b + "attn_norm.weight", (s.embedding,), VECTOR))
        if kv:
            tensors += [
                (b + "attn_q.weight", (s.embedding, s.heads * s.head), s.kind),
                (b + "attn_k.weight", (s.embedding, kv * s.head), s.kind),
                (b + "attn_v.weight", (s.embedding, kv * s.head), s.kind),
                (b + "attn_output.weight", (s.heads * s.head, s.embedding), s.kind),
            ]
        else:
            tensors += [
                (b + "ssm_in.weight", (s.embedding, 2 * inner + 2 * groups * state + rank), s.kind),
                (b + "ssm_conv1d.weight", (conv, mixed), VECTOR),
                (b + "ssm_conv1d.bias", (mixed,), VECTOR),
                (b + "ssm_dt.bias", (rank,), VECTOR),
                (b + "ssm_a", (1, rank), VECTOR),
                (b + "ssm_d", (1, rank), VECTOR),
                (b + "ssm_norm.weight", (inner // groups, groups), VECTOR),
                (b + "ssm_out.weight", (inner, s.embedding), s.kind),
            ]
        tensors += [(b + "ffn_norm.weight", (s.embedding,), VECTOR), *_forward(s, b, i)]
    return tensors


def _forward(s: Shape, b: str, i: int) -> list[Any]:
    """The feed-forward part of a layer, dense or of experts."""
    if not s.experts or i < s.dense:
        return [
            (b + "ffn_gate.weight", (s.embedding, s.forward), s.kind),
            (b + "ffn_up.weight", (s.embedding, s.forward), s.kind),
            (b + "ffn_down.weight", (s.forward, s.embedding), s.kind),
        ]
    width = s.expert_forward or s.forward
    tensors: list[Any] = [
        (b + "ffn_gate_inp.weight", (s.embedding, s.experts), VECTOR),
        (b + "ffn_gate_exps.weight", (s.embedding, width, s.experts), s.kind),
        (b + "ffn_up_exps.weight", (s.embedding, width, s.experts), s.kind),
        (b + "ffn_down_exps.weight", (width, s.embedding, s.experts), s.kind),
    ]
    if s.shared:
        tensors += [
            (b + "ffn_gate_shexp.weight", (s.embedding, s.shared), s.kind),
            (b + "ffn_up_shexp.weight", (s.embedding, s.shared), s.kind),
            (b + "ffn_down_shexp.weight", (s.shared, s.embedding), s.kind),
        ]
    return tensors


def _starcoder2(s: Shape) -> list[Any]:
    """No gate, and a bias beside each matrix."""
    tensors = [*_common(s), ("output_norm.bias", (s.embedding,), VECTOR)]
    for i in range(s.layers):
        matrices = {
            "attn_q": (s.embedding, s.heads * s.head),
            "attn_k": (s.embedding, _kv(s, i) * s.head),
            "attn_v": (s.embedding, _kv(s, i) * s.head),
            "attn_output": (s.heads * s.head, s.embedding),
            "ffn_up": (s.embedding, s.forward),
            "ffn_down": (s.forward, s.embedding),
        }
        for name, shape in matrices.items():
            tensors += [
                (f"blk.{i}.{name}.weight", shape, s.kind),
                (f"blk.{i}.{name}.bias", shape[1:], VECTOR),
            ]
        for name in ("attn_norm", "ffn_norm"):
            tensors += [(f"blk.{i}.{name}.{part}", (s.embedding,), VECTOR) for part in ("weight", "bias")]
    return tensors


TENSORS = {
    "starcoder2": _starcoder2,
    "llama": _llama,
    "qwen2": lambda s: _llama(s, bias=True),
    "qwen3": lambda s: _llama(s, norms=True),
    "qwen3moe": lambda s: _llama(s, norms=True),
    "gemma2": lambda s: _llama(s, posts=True),
    "gemma3": lambda s: _llama(s, norms=True, posts=True),
    "phi3": _phi3,
    "mamba": _mamba,
    "deepseek2": _deepseek2,
    "granite": _llama,
    "granitehybrid": _hybrid,
    "bert": _bert,
}
