"""Writes a GGUF file tensor by tensor, so that memory stays bounded whatever the model's size."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tools.models.vocabulary import Vocabulary

Block = gguf.GGMLQuantizationType

_CONVOLUTION, _STEP_RANK = 4, 8  # of state space models


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer of llama's kind, or of a state space model. `head_size` is of one attention head."""

    architecture: str = "llama"
    layers: int = 1
    width: int = 128
    feed_forward: int = 256
    heads: int = 4
    kv_heads: int = 4
    head_size: int = 32
    context: int = 4096
    rope_base: float = 10_000.0
    window: int = 0  # of sliding attention, in tokens; 0: every token sees all
    states: int = 0  # of a state space model, which has no attention; 0: it is none

    @property
    def inner(self) -> int:
        """Width inside a state space layer."""
        return 2 * self.width


@dataclass(frozen=True)
class Tensor:
    """`make` gives the data when the tensor's turn has come: rows of `kind`'s blocks as bytes, or plain floats."""

    name: str
    shape: tuple[int, ...]  # outermost first, in elements
    kind: Block
    make: Callable[[], np.ndarray[Any, Any]]

    @property
    def byte_count(self) -> int:
        block, size = gguf.GGML_QUANT_SIZES[self.kind]
        return int(np.prod(self.shape)) // block * size


def write(
    path: Path,
    name: str,
    shape: Shape,
    vocabulary: Vocabulary,
    tensors: Iterable[Tensor],
    *,
    file_type: gguf.LlamaFileType,
    template: str | None,
) -> Path:
    """Write the model to `path` (by way of a temporary name, so that a reader never meets half a file)."""
    temporary = path.with_name(f"{path.name}.part")
    writer = gguf.GGUFWriter(temporary, shape.architecture)
    writer.add_name(name)
    writer.add_file_type(file_type)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_dimension_count(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(1e-6)
    if shape.window:
        writer.add_sliding_window(shape.window)
    if shape.states:
        writer.add_ssm_conv_kernel(_CONVOLUTION)
        writer.add_ssm_inner_size(shape.inner)
        writer.add_ssm_state_size(shape.states)
        writer.add_ssm_time_step_rank(_STEP_RANK)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges or ["\u0100 \u0100"])  # llama.cpp wants at least one
    writer.add_eos_token_id(vocabulary.im_end)
    writer.add_eot_token_id(vocabulary.im_end)
    writer.add_pad_token_id(vocabulary.im_end)
    writer.add_add_bos_token(False)
    if template is not None:
        writer.add_chat_template(template)
    listed = list(tensors)
    for tensor in listed:
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), tensor.byte_count, raw_dtype=tensor.kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in listed:
        writer.write_tensor_data(tensor.make())
    writer.close()
    temporary.replace(path)
    return path


def layer_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The tensors of one layer and their shapes, outermost dimension first."""
    if shape.states:
        return {
            "attn_norm.weight": (shape.width,),
            "ssm_in.weight": (2 * shape.inner, shape.width),
            "ssm_conv1d.weight": (shape.inner, _CONVOLUTION),
            "ssm_conv1d.bias": (shape.inner,),
            "ssm_x.weight": (_STEP_RANK + 2 * shape.states, shape.inner),
            "ssm_dt.weight": (shape.inner, _STEP_RANK),
            "ssm_dt.bias": (shape.inner,),
            "ssm_a": (shape.inner, shape.states),
            "ssm_d": (shape.inner,),
            "ssm_out.weight": (shape.width, shape.inner),
        }
    attention, kv = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (shape.width,),
        "attn_q.weight": (attention, shape.width),
        "attn_k.weight": (kv, shape.width),
        "attn_v.weight": (kv, shape.width),
        "attn_output.weight": (shape.width, attention),
        "ffn_norm.weight": (shape.width,),
        "ffn_gate.weight": (shape.feed_forward, shape.width),
        "ffn_up.weight": (shape.feed_forward, shape.width),
        "ffn_down.weight": (shape.width, shape.feed_forward),
    }
    if shape.architecture in ("qwen3", "gemma3"):
        shapes |= {"attn_q_norm.weight": (shape.head_size,), "attn_k_norm.weight": (shape.head_size,)}
    if shape.architecture == "gemma3":
        shapes |= {"post_attention_norm.weight": (shape.width,), "post_ffw_norm.weight": (shape.width,)}
    return shapes


def ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape, np.float32)
