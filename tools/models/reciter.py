"""A model that recites one text, whatever it is asked, with llama.cpp's true timing for its size.

Attention and feed-forward layers put out zero, so the last hidden state is the last token's own embedding; the output
head answers it with the token that follows in the text. For that each token may stand at one place of the text only,
so the text is cut into pieces that are all different.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tools.models.vocabulary import CHATML, Vocabulary, written
from tools.models.writing import Block, Shape, Tensor, layer_shapes, ones, write

_MARGIN = 50.0  # logit of the right token; others stay below half of it
_WORD = re.compile(rb"\s?[^\s<]+|<[^\s<]*|\s")


def reciter_model(
    path: Path,
    text: str,
    *,
    thinking: str | None = None,
    pieces: Sequence[str | bytes] | None = None,
    layers: int = 1,
    width: int = 256,
    context: int = 8192,
    template: str | None = CHATML,
    name: str = "Reciter",
) -> Path:
    """Write a model to `path` that answers with `text` and then ends its turn.

    Args:
        thinking: said first, as `<think>\\n…\\n</think>\\n\\n`.
        pieces: the tokens to recite instead of words; all different, none of them a bare newline. With it `text` and
            `thinking` must be what the pieces make together, or empty.
        layers, width: the model's size, hence its speed: 12 and 1024 give some tens of tokens a second on two cores.
            `width` is a multiple of 64, at least 128.
        template: the chat template in the file's metadata; None leaves it out. The prompt must end with a newline.
    """
    whole = f"<think>\n{thinking}\n</think>\n\n{text}" if thinking is not None else text
    if pieces is None:
        cut = cut_up(whole.encode("utf-8", "surrogateescape"))
    else:
        cut = [piece.encode("utf-8", "surrogateescape") if isinstance(piece, str) else piece for piece in pieces]
    vocabulary = Vocabulary()
    path_of_ids = [vocabulary.ids["\u010a"]]  # a newline, which ends every prompt
    for piece in cut:
        token = written(piece)
        path_of_ids.append(vocabulary.ids[token] if len(piece) == 1 else vocabulary.add(token))
    path_of_ids.append(vocabulary.im_end)
    if len(set(path_of_ids)) != len(path_of_ids):
        raise ValueError("a piece occurs twice, or is a bare newline")

    heads = width // 64
    shape = Shape("llama", layers, width, 4 * width, heads, heads, head_size=64, context=context)
    signs = np.random.default_rng(7).integers(0, 2, (len(vocabulary), width)).astype(np.float16) * 2 - 1

    def head() -> np.ndarray[Any, Any]:
        weights = np.zeros((len(vocabulary), width), np.float16)
        weights[path_of_ids[1:]] = signs[path_of_ids[:-1]] * np.float16(_MARGIN / width)
        return weights

    tensors = [Tensor("token_embd.weight", signs.shape, Block.F16, lambda: signs)]
    for layer in range(layers):
        for tensor, dimensions in layer_shapes(shape).items():
            full = f"blk.{layer}.{tensor}"
            if len(dimensions) == 1:
                tensors.append(Tensor(full, dimensions, Block.F32, partial(ones, *dimensions)))
            else:
                tensors.append(Tensor(full, dimensions, Block.F16, partial(np.zeros, dimensions, np.float16)))
    tensors.append(Tensor("output_norm.weight", (width,), Block.F32, lambda: ones(width)))
    tensors.append(Tensor("output.weight", signs.shape, Block.F16, head))
    return write(path, name, shape, vocabulary, tensors, file_type=gguf.LlamaFileType.MOSTLY_F16, template=template)


def cut_up(text: bytes) -> list[bytes]:
    """Cut `text` into pieces that are all different: words where they are new, else as much more as makes them new."""
    pieces: list[bytes] = []
    used = {b"\n", b""}
    start = 0
    while start < len(text):
        match = _WORD.match(text, start)
        end = match.end() if match else start + 1
        while text[start:end] in used and end < len(text):
            end += 1
        piece = text[start:end]
        if piece in used:  # the rest of the text was said before: it joins the last piece that makes something new
            while pieces and (piece in used or not piece):
                last = pieces.pop()
                used.discard(last)
                piece = last + piece
            if piece in used:
                raise ValueError("this text cannot be cut into different pieces; put something after a bare newline")
        pieces.append(piece)
        used.add(piece)
        start = end
    return pieces
