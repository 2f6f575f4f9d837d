"""How much memory a model needs: what llama.cpp will allocate, kind by kind, from the file's header; from the numbers
of its architecture; or, roughly, from its size."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from offgrid_tui.fit.compute import compute_buffer
from offgrid_tui.fit.graph import Graph, graph_of, graph_of_shape
from offgrid_tui.fit.model import Estimate, Use
from offgrid_tui.fit.repack import weights
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.types import BY_NAME, TensorType

# Measured on llama.cpp's own vocabularies: resident memory with the tokenizer, and nothing else, loaded.
PROGRAM = 64 * 2**20  # the worker's Python and llama.cpp's code
TOKEN = 165  # bytes of the tokenizer for each token: its text, its score, its places in two tables
MERGE = 150  # and for each merge rule
# Where only the size of a file is known: what comes on top of it, as a part of it.
ROUGH_CONTEXT = 8192  # tokens
ROUGH_SHORT, ROUGH_LONG = 0.5, 0.8


def estimate(header: Header, use: Use, features: tuple[str, ...] = ()) -> Estimate:
    """The memory that loading `header`'s model for `use` takes.

    Args:
        features: of the processor, by llama.cpp's names: some make it keep weights in another arrangement.

    Raises:
        ValueError: a KV type that ggml does not have.
    """
    graph = graph_of(header)
    gpu_share = min(1.0, use.gpu_layers / max(1, header.layers + 1))
    placed = weights(header, () if gpu_share == 1.0 else features, mmap=use.mmap)
    kv, recurrent, compute = _context(graph, use)
    return Estimate(
        weights=placed.mapped,
        repacked=placed.repacked,
        kv=kv,
        recurrent=recurrent,
        compute=compute,
        output=header.vocabulary * use.slots * 4,
        program=PROGRAM + TOKEN * header.vocabulary + MERGE * header.merges,
        gpu=int(gpu_share * (header.weights + kv + recurrent)) + (compute if gpu_share else 0),
        idle=0 if use.mlock else int((1 - gpu_share) * placed.idle),
    )


def estimate_shape(shape: ModelShape, file_size: int, use: Use) -> Estimate:
    """The same where no header is at hand: weights as large as the file, all else from the architecture's numbers.

    Raises:
        ValueError: a KV type that ggml does not have.
    """
    kv, recurrent, compute = _shape_context(shape, use)
    gpu_share = min(1.0, use.gpu_layers / max(1, shape.layers + 1))
    return Estimate(
        weights=file_size,
        repacked=0,
        kv=kv,
        recurrent=recurrent,
        compute=compute,
        output=shape.vocabulary * use.slots * 4,
        program=PROGRAM + (TOKEN + MERGE) * shape.vocabulary,
        gpu=int(gpu_share * (file_size + kv + recurrent)) + (compute if gpu_share else 0),
    )


def estimate_size(file_size: int, use: Use) -> Estimate:
    """A rough figure from the size of the file alone: half as much again, beyond 8192 tokens eight tenths more.

    A small model's cache is larger beside its weights than a large one's, so this misses both ways.
    """
    more = ROUGH_SHORT if use.context <= ROUGH_CONTEXT else ROUGH_LONG
    rest = int(file_size * more)
    gpu = file_size + rest if use.gpu_layers else 0
    return Estimate(weights=file_size, repacked=0, kv=rest, recurrent=0, compute=0, output=0, program=PROGRAM, gpu=gpu)


@lru_cache(maxsize=4096)  # a list asks for the same few hundred shapes again and again
def _shape_context(shape: ModelShape, use: Use) -> tuple[int, int, int]:
    return _context(graph_of_shape(shape), use)


def _context(graph: Graph, use: Use) -> tuple[int, int, int]:
    """Bytes of the KV cache, of recurrent states, and of the compute buffer."""
    recurrent = use.slots * sum(layer.state for layer in graph.layers) * 4
    return _kv(graph, use), recurrent, compute_buffer(graph, use)


def _kv(graph: Graph, use: Use) -> int:
    key_type, value_type = _kv_type(use.kv_type_k), _kv_type(use.kv_type_v)
    # Values that are stored transposed (without flash attention) are padded to the widest layer's.
    widest = 0 if use.flash_attention else max((layer.value for layer in graph.layers), default=0)
    total = 0
    for layer, count in Counter(graph.layers).items():
        if layer.key:
            value = max(layer.value, widest) if layer.value else 0
            row = key_type.bytes_for(layer.key) + value_type.bytes_for(value)
            total += count * row * use.rows(layer.window) * use.streams
    return total


def _kv_type(name: str) -> TensorType:
    try:
        return BY_NAME[name.upper()]
    except KeyError:
        raise ValueError(f"there is no KV type {name}") from None
