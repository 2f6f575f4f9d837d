"""Goes on from a model that was shipped: its tokens and its weights, out of its GGUF file."""

from __future__ import annotations

from pathlib import Path

import gguf
import torch

from tools.starter.export import tensor_names
from tools.starter.model import Llama
from tools.starter.tokenizer import CONTROL, WHOLE, Pair, Tokenizer


def tokenizer_of(path: Path) -> Tokenizer:
    """The tokenizer of the model in `path`.

    Raises:
        SystemExit: its tokens are not numbered as ours.
    """
    fields = gguf.GGUFReader(path).fields
    merges = [_pair(text) for text in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(merges)
    if fields["tokenizer.ggml.tokens"].contents() != tokenizer.tokens:
        raise SystemExit(f"{path} numbers its tokens otherwise than {CONTROL + WHOLE}, bytes, merges")
    return tokenizer


def take_weights(model: Llama, path: Path) -> None:
    """Give `model` the weights of `path`, in 32 bits; what quantisation took from them is not given back.

    Raises:
        SystemExit: it has another shape.
    """
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    state = model.state_dict()
    for ours, theirs in tensor_names(model.shape.layers):
        tensor = found.get(theirs)
        if tensor is None or list(reversed([int(n) for n in tensor.shape])) != list(state[ours].shape):
            raise SystemExit(f"{path} has no {theirs} of the shape {tuple(state[ours].shape)}")
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        state[ours] = torch.from_numpy(values.copy()).float().reshape(state[ours].shape)
    model.load_state_dict(state)


def _pair(text: str) -> Pair:
    first, second = text.split(" ")
    return first, second
