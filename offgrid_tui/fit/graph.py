"""The numbers that the memory of a model is reckoned from, whether a header or a list of architectures has them."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.fit.layers import BOTH, NO_CACHE, Layer, layers
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.gguf.header import Header

# No gate beside the first matrix of their feed-forward part.
_PLAIN_FORWARD = frozenset({"starcoder", "starcoder2", "phi2", "gpt2", "gptneox", "bloom", "mpt", "falcon", "bert"})
_JOINED_FORWARD = frozenset({"phi3", "chatglm", "glm4"})  # gate and the other half in one matrix
_FUSED = frozenset({"phi3", "phi2", "falcon", "gpt2", "bloom", "mpt", "gptneox", "chatglm", "starcoder"})
_ENCODERS = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3"})  # norms stand behind
_UNROTATED = frozenset({"bert", "jina-bert-v2", "gpt2", "bloom", "mpt", "starcoder"})  # positions come otherwise


@dataclass(frozen=True, slots=True)
class Block:
    """How a layer is computed. Widths in elements for one token."""

    forward: int  # of the dense feed-forward part; 0 for none
    gated: bool = True
    joined: bool = False  # gate and the other half come from one matrix
    fused: bool = False  # queries, keys and values come from one matrix
    post_norm: bool = False  # an encoder's: norms stand behind attention and feed-forward part
    rotated: bool = True  # queries and keys get their positions by rotation, which has a place of its own
    experts: int = 0
    used: int = 0  # experts that see a token; 0 where the part is dense
    expert: int = 0
    shared: int = 0  # width of the expert that sees every token


@dataclass(frozen=True, slots=True)
class Graph:
    """One model's numbers."""

    architecture: str
    layers: tuple[Layer, ...]
    blocks: tuple[Block, ...]  # of each layer
    embedding: int
    vocabulary: int
    heads: tuple[int, ...]
    key_length: int
    value_length: int
    latent: int  # MLA: width of the compressed keys and values; 0 for none
    key_length_mla: int
    value_length_mla: int
    query_rank: int
    inner: int  # width inside a recurrent layer
    state_size: int
    groups: int
    convolution: int
    ranks: int  # width of the time steps


def graph_of(header: Header) -> Graph:
    def number(key: str) -> int:
        return header.integer(f"{{arch}}.{key}") or 0

    found = layers(header)
    return Graph(
        architecture=header.architecture,
        layers=found,
        blocks=_blocks(header, len(found)),
        embedding=header.embedding,
        vocabulary=header.vocabulary,
        heads=header.heads[: len(found)],
        key_length=header.key_length,
        value_length=header.value_length,
        # Files that were converted before llama.cpp kept the compressed vectors hold full keys and values.
        latent=number("attention.kv_lora_rank") if number("attention.key_length_mla") else 0,
        key_length_mla=number("attention.key_length_mla"),
        value_length_mla=number("attention.value_length_mla"),
        query_rank=number("attention.q_lora_rank"),
        inner=number("ssm.inner_size") or header.embedding,
        state_size=number("ssm.state_size"),
        groups=number("ssm.group_count"),
        convolution=number("ssm.conv_kernel"),
        ranks=number("ssm.time_step_rank"),
    )


def graph_of_shape(shape: ModelShape) -> Graph:
    latent = shape.kv_rank
    found = _shape_layers(shape)
    return Graph(
        architecture=shape.architecture,
        layers=found,
        blocks=_shape_blocks(shape),
        embedding=shape.embedding,
        vocabulary=shape.vocabulary,
        heads=_each(shape.heads, shape.layers),
        key_length=latent + shape.rope_rank if latent else shape.key_length,
        value_length=latent or shape.value_length,
        latent=latent,
        key_length_mla=(shape.nope_length or shape.value_length) + shape.rope_rank if latent else 0,
        value_length_mla=shape.value_length if latent else 0,
        query_rank=0,
        inner=shape.inner or 2 * shape.embedding,
        state_size=shape.state_size or (shape.state // shape.inner if shape.inner else 0),
        groups=shape.groups or (1 if shape.inner else 0),
        convolution=shape.convolution or 4,
        ranks=shape.ranks,
    )


def _blocks(header: Header, count: int) -> tuple[Block, ...]:
    dense = header.per_layer("{arch}.feed_forward_length", 0)
    experts = header.integer("{arch}.expert_count") or 0
    used = header.integer("{arch}.expert_used_count") or 0
    leading = header.integer("{arch}.leading_dense_block_count") or 0
    wide = header.per_layer("{arch}.expert_feed_forward_length", 0)
    names = {tensor.name for tensor in header.tensors if tensor.name.startswith("blk.")}
    shared = next((t.shape[1] for t in header.tensors if ".ffn_up_shexp.weight" in t.name and len(t.shape) > 1), 0)
    found = []
    for index in range(count):
        b = f"blk.{index}."
        routed = bool(experts and used) and (index >= leading and b + "ffn_gate.weight" not in names)
        found.append(
            Block(
                forward=dense[index],
                gated=b + "ffn_gate.weight" in names or b + "ffn_gate_shexp.weight" in names,
                joined=_is_joined(header, dense[index]),
                fused=b + "attn_qkv.weight" in names,
                post_norm=header.architecture in _ENCODERS,
                rotated=header.architecture not in _UNROTATED,
                experts=experts if routed else 0,
                used=used if routed else 0,
                expert=(wide[index] or dense[index]) if routed else 0,
                shared=shared if routed else 0,
            )
        )
    return tuple(found)


def _is_joined(header: Header, dense: int) -> bool:
    return any(".ffn_up.weight" in tensor.name and tensor.shape[1:] == (2 * dense,) for tensor in header.tensors)


def _shape_blocks(shape: ModelShape) -> tuple[Block, ...]:
    architecture, forward = shape.architecture, _each(shape.feed_forward, shape.layers)
    return tuple(
        Block(
            forward=forward[index],
            gated=architecture not in _PLAIN_FORWARD,
            joined=architecture in _JOINED_FORWARD,
            fused=architecture in _FUSED,
            post_norm=architecture in _ENCODERS,
            rotated=architecture not in _UNROTATED,
            experts=shape.experts if index >= shape.dense_layers else 0,
            used=shape.experts_used if index >= shape.dense_layers and shape.experts else 0,
            expert=shape.expert_forward or forward[index],
            shared=shape.shared_forward,
        )
        for index in range(shape.layers)
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
            Layer(
                *(widths if attends else (0, 0)),
                shape.window if near else 0,
                shape.state if recurrent else 0,
                key_head=key,
                value_head=value,
            )
        )
    return tuple(found)


def _each(numbers: tuple[int, ...], layers: int) -> tuple[int, ...]:
    """One number for each layer; one alone stands for all, and where some are missing the last does."""
    if not numbers:
        return (0,) * layers
    return (*numbers, *(numbers[-1:] * (layers - len(numbers))))[:layers]
