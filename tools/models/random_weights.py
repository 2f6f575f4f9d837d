"""Tiny models of random weights: their attention is real, so an answer depends on the whole prompt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np

from tools.models.vocabulary import CHATML, Vocabulary, common_words
from tools.models.writing import Block, Shape, Tensor, layer_shapes, ones, write

# Logits of about this standard deviation make the best token stand out, so that greedy sampling is well defined.
_LOGIT_DEVIATION = 12.0
_ARCHITECTURES = {"llama": "llama", "sliding": "gemma3", "recurrent": "mamba"}


def random_model(
    path: Path,
    *,
    seed: int = 1,
    kind: Literal["llama", "sliding", "recurrent"] = "llama",
    layers: int = 2,
    width: int = 128,
    context: int = 2048,
    template: str | None = CHATML,
) -> Path:
    """Write the model to `path`. It never ends its own turn: an answer runs to max_tokens or the context's end.

    Args:
        kind: `sliding` is a gemma3 whose first layers see 64 tokens back; `recurrent` is a mamba, whose memory is a
            state that can only grow.
        width: a multiple of 32.
        template: the chat template in the file's metadata; None leaves it out.
    """
    heads = width // 32
    shape = Shape(_ARCHITECTURES[kind], layers, width, 2 * width, heads, heads, head_size=32, context=context)
    if kind == "sliding":
        shape = replace(shape, window=64)
    elif kind == "recurrent":
        shape = replace(shape, states=16)
    vocabulary = Vocabulary()
    vocabulary.learn(common_words())
    tokens = len(vocabulary)
    generator = np.random.default_rng(seed)

    def gaussian(rows: int, columns: int, deviation: float) -> np.ndarray[Any, Any]:
        return (generator.standard_normal((rows, columns)) * deviation).astype(np.float32)

    def head() -> np.ndarray[Any, Any]:
        weights = gaussian(tokens, width, _LOGIT_DEVIATION / width**0.5)
        weights[[vocabulary.im_start, vocabulary.im_end]] = 0.0
        return weights

    tensors = [
        Tensor("token_embd.weight", (len(vocabulary), width), Block.F32, lambda: gaussian(len(vocabulary), width, 1))
    ]
    for layer in range(layers):
        for name, dimensions in layer_shapes(shape).items():
            full = f"blk.{layer}.{name}"
            if name == "ssm_a":  # a state fades by exp(a)
                tensors.append(Tensor(full, dimensions, Block.F32, partial(np.full, dimensions, -0.5, np.float32)))
            elif len(dimensions) == 1:
                tensors.append(Tensor(full, dimensions, Block.F32, partial(ones, *dimensions)))
            else:
                deviation = 1.6 / dimensions[1] ** 0.5
                tensors.append(
                    Tensor(full, dimensions, Block.F32, partial(gaussian, dimensions[0], dimensions[1], deviation))
                )
    tensors.append(Tensor("output_norm.weight", (width,), Block.F32, lambda: ones(width)))
    tensors.append(Tensor("output.weight", (tokens, width), Block.F32, head))
    return write(path, "Random", shape, vocabulary, tensors, file_type=gguf.LlamaFileType.ALL_F32, template=template)
