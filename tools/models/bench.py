"""A model of random weights in the shapes and types of Qwen3-0.6B, Q4_K_M: for speed, not for sense.

Quantised blocks are made directly from random bytes, with scales that give weights of an ordinary size, so the file
is written as fast as the disk takes it. Block layouts: ggml's `ggml-common.h` (block_q4_K, block_q6_K).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tools.models.vocabulary import CHATML, Vocabulary, common_words
from tools.models.writing import Block, Shape, Tensor, layer_shapes, ones, write

QWEN3_06B = Shape(
    architecture="qwen3",
    layers=28,
    width=1024,
    feed_forward=3072,
    heads=16,
    kv_heads=8,
    head_size=128,
    context=40_960,
    rope_base=1_000_000.0,
)
VOCABULARY_SIZE = 151_936


def bench_model(path: Path, *, shape: Shape = QWEN3_06B, vocabulary_size: int = VOCABULARY_SIZE, seed: int = 1) -> Path:
    """Write the model to `path` (397 MB for the default shape) with some tens of MB of memory.

    The embedding serves as the output head too, as in the original. It says made-up words and does not end its turn.
    """
    vocabulary = Vocabulary()
    vocabulary.learn(common_words())
    vocabulary.fill(vocabulary_size)
    generator = np.random.default_rng(seed)
    tensors = [_tensor("token_embd.weight", (vocabulary_size, shape.width), Block.Q6_K, generator)]
    for layer in range(shape.layers):
        for name, dimensions in layer_shapes(shape).items():
            full = f"blk.{layer}.{name}"
            if len(dimensions) == 1:
                tensors.append(Tensor(full, dimensions, Block.F32, partial(ones, *dimensions)))
                continue
            # As llama.cpp's Q4_K_M does: more bits for these two, in the outer eighths and every third layer between.
            eighth = shape.layers // 8
            outer = layer < eighth or layer >= 7 * shape.layers // 8 or (layer - eighth) % 3 == 2
            more = outer and name in ("attn_v.weight", "ffn_down.weight")
            tensors.append(_tensor(full, dimensions, Block.Q6_K if more else Block.Q4_K, generator))
    tensors.append(Tensor("output_norm.weight", (shape.width,), Block.F32, lambda: ones(shape.width)))
    return write(
        path,
        "Bench 0.6B (random weights)",
        shape,
        vocabulary,
        tensors,
        file_type=gguf.LlamaFileType.MOSTLY_Q4_K_M,
        template=CHATML,
    )


def _tensor(name: str, shape: tuple[int, ...], kind: Block, generator: np.random.Generator) -> Tensor:
    count = int(np.prod(shape)) // 256
    make = _q4_k if kind == Block.Q4_K else _q6_k
    return Tensor(name, shape, kind, lambda: make(generator, count))


def _q4_k(generator: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    """`count` blocks of 256 weights: two f16 scales, 12 bytes of 6-bit scales and minima, 128 bytes of 4-bit values."""
    blocks = np.frombuffer(generator.bytes(count * 144), np.uint8).reshape(count, 144).copy()
    # weight = d * scale * q - dmin * minimum: deviation 258 d with dmin = 7.5 d, and zero in the mean.
    blocks[:, 0:4] = np.array([0.03 / 258, 7.5 * 0.03 / 258], np.float16).view(np.uint8)
    return blocks


def _q6_k(generator: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    """`count` blocks of 256 weights: 128 + 64 bytes of 6-bit values, 16 signed scales, one f16 scale."""
    blocks = np.frombuffer(generator.bytes(count * 210), np.uint8).reshape(count, 210).copy()
    # weight = d * scale * (q - 32): deviation 1366 d.
    blocks[:, 208:210] = np.array([0.03 / 1366], np.float16).view(np.uint8)
    return blocks
