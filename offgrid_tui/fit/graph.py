"""The numbers that the memory of a model is reckoned from, whether a header or a list of architectures has them."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.fit.layers import BOTH, NO_CACHE, Layer, layers
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.gguf.header import Header

# No gate beside the first matrix of their feed-forward part.
_PLAIN_FORWARD = frozenset({"starcoder", "starcoder2", "phi2", "gpt2", "gptneox", "bloom", "mpt", "falcon", "bert"})


@dataclass(frozen=True, slots=True)
class Graph:
    """One model's. `forward` and `shared` are elements for one token in the widest moment of the feed-forward part."""

    architecture: str
    layers: tuple[Layer, ...]
    embedding: int
    vocabulary: int
    heads: tuple[int, ...]
    key_length: int
    latent: int  # width of the compressed keys and values; 0 without MLA
    key_length_mla: int
    inner: int  # width inside a recurrent layer
    forward: int


def graph_of(header: Header) -> Graph:
    return Graph(
        architecture=header.architecture,
        layers=layers(header),
        embedding=header.embedding,
        vocabulary=header.vocabulary,
        heads=header.heads,
        key_length=header.key_length,
        latent=header.integer("{arch}.attention.kv_lora_rank") or 0,
        key_length_mla=header.integer("{arch}.attention.key_length_mla") or 0,
        inner=header.integer("{arch}.ssm.inner_size") or header.embedding,
        forward=_forward(header),
    )


def graph_of_shape(shape: ModelShape) -> Graph:
    latent = shape.kv_rank
    return Graph(
        architecture=shape.architecture,
        layers=_shape_layers(shape),
        embedding=shape.embedding,
        vocabulary=shape.vocabulary,
        heads=_each(shape.heads, shape.layers),
        key_length=latent + shape.rope_rank if latent else shape.key_length,
        latent=latent,
        key_length_mla=(shape.nope_length or shape.value_length) + shape.rope_rank if latent else 0,
        inner=shape.inner or 2 * shape.embedding,
        forward=_elements(
            max(shape.feed_forward, default=0),
            gated=shape.architecture not in _PLAIN_FORWARD,
            embedding=shape.embedding,
            used=shape.experts_used if shape.experts else 0,
            expert=shape.expert_forward,
            shared=shape.shared_forward,
            leading=False,
        ),
    )


def _shape_layers(shape: ModelShape) -> tuple[Layer, ...]:
    heads = _each(shape.kv_heads, shape.layers)
    caching = shape.layers if shape.kv_layers is None else shape.kv_layers
    found = []
    for index in range(shape.layers):
        recurrent = index < len(shape.recurrent) and shape.recurrent[index]
        attends = index < caching and shape.architecture not in NO_CACHE
        attends = attends and (not recurrent or shape.architecture in BOTH)
        near = bool(shape.window) and index < len(shape.windowed) and shape.windowed[index]
        key, value = shape.key_length, shape.value_length
        if near:
            key, value = shape.window_key_length or key, shape.window_value_length or value
        widths = (heads[index] * key, heads[index] * value)
        if shape.kv_rank:  # one vector for all heads, from which both are computed
            widths = (shape.kv_rank + shape.rope_rank, 0)
        found.append(
            Layer(*(widths if attends else (0, 0)), shape.window if near else 0, shape.state if recurrent else 0)
        )
    return tuple(found)


def _each(numbers: tuple[int, ...], layers: int) -> tuple[int, ...]:
    """One number for each layer; one alone stands for all, and where some are missing the last does."""
    if not numbers:
        return (0,) * layers
    return (*numbers, *(numbers[-1:] * (layers - len(numbers))))[:layers]


def _forward(header: Header) -> int:
    dense = max(header.per_layer("{arch}.feed_forward_length", 0), default=0)
    return _elements(
        dense,
        gated=_is_gated(header, dense),
        embedding=header.embedding,
        used=(header.integer("{arch}.expert_used_count") or 1) if header.integer("{arch}.expert_count") else 0,
        expert=max(header.per_layer("{arch}.expert_feed_forward_length", 0), default=0),
        shared=header.integer("{arch}.expert_shared_feed_forward_length") or 0,
        leading=bool(header.integer("{arch}.leading_dense_block_count")),
    )


def _elements(dense: int, *, gated: bool, embedding: int, used: int, expert: int, shared: int, leading: bool) -> int:
    """Elements for one token: gate, up and their product, of all experts that it is sent to."""
    if not used:
        return 3 * dense if gated else dense  # an activation alone is computed in place
    expert = expert or dense
    routed = used * max(3 * expert, expert + 2 * embedding)
    return max(routed + 3 * shared, 3 * dense if leading else 0)


def _is_gated(header: Header, dense: int) -> bool:
    """Whether there is a gate: a matrix of its own, or one half of a matrix twice as high."""
    return any(
        ".ffn_gate." in tensor.name or (".ffn_up.weight" in tensor.name and tensor.shape[1:] == (2 * dense,))
        for tensor in header.tensors
    )
