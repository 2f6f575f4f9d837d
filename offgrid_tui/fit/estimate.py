"""How much memory a model needs, from its header alone: what llama.cpp will allocate, kind by kind."""

from __future__ import annotations

from offgrid_tui.fit.compute import compute_buffer
from offgrid_tui.fit.layers import Layer, layers
from offgrid_tui.fit.model import Estimate, Use
from offgrid_tui.fit.repack import weights
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.types import BY_NAME, TensorType

# Measured on llama.cpp's own vocabularies: resident memory with the tokenizer, and nothing else, loaded.
PROGRAM = 64 * 2**20  # the worker's Python and llama.cpp's code
TOKEN = 165  # bytes of the tokenizer for each token: its text, its score, its places in two tables
MERGE = 150  # and for each merge rule


def estimate(header: Header, use: Use, features: tuple[str, ...] = ()) -> Estimate:
    """The memory that loading `header`'s model for `use` takes.

    Args:
        features: of the processor, by llama.cpp's names: some make it keep weights in another arrangement.

    Raises:
        ValueError: a KV type that ggml does not have.
    """
    found = layers(header)
    gpu_share = min(1.0, use.gpu_layers / max(1, header.layers + 1))
    placed = weights(header, () if gpu_share == 1.0 else features, mmap=use.mmap)
    kv = _kv(header, use, found)
    recurrent = use.slots * sum(layer.state for layer in found) * 4
    compute = compute_buffer(header, use, found)
    return Estimate(
        weights=placed.mapped,
        repacked=placed.repacked,
        kv=kv,
        recurrent=recurrent,
        compute=compute,
        output=header.vocabulary * use.slots * 4,
        program=PROGRAM + TOKEN * header.vocabulary + MERGE * header.merges,
        gpu=int(gpu_share * (header.weights + kv + recurrent)) + (compute if gpu_share else 0),
    )


def _kv(header: Header, use: Use, found: tuple[Layer, ...]) -> int:
    key_type, value_type = _kv_type(use.kv_type_k), _kv_type(use.kv_type_v)
    # Values that are stored transposed (without flash attention) are padded to the widest layer's.
    widest = 0 if use.flash_attention else max((layer.value for layer in found), default=0)
    total = 0
    for layer in found:
        if layer.key:
            value = max(layer.value, widest) if layer.value else 0
            row = key_type.bytes_for(layer.key) + value_type.bytes_for(value)
            total += row * use.rows(layer.window) * use.streams
    return total


def _kv_type(name: str) -> TensorType:
    try:
        return BY_NAME[name.upper()]
    except KeyError:
        raise ValueError(f"there is no KV type {name}") from None
