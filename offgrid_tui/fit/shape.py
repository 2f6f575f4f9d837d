"""The numbers of an architecture that memory is reckoned from, where no file's header is at hand yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelShape:
    """As `architectures.json` of the catalog's facts has them; None where nobody says. A file's own header always
    wins over it."""

    architecture: str  # llama.cpp's name: llama, qwen3, gemma3 …
    layers: int
    embedding: int  # width of the residual stream
    heads: tuple[int, ...]  # of each layer; one number stands for all
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    feed_forward: tuple[int, ...]
    vocabulary: int
    context_trained: int
    tied: bool | None = None  # one matrix for embedding and output
    parameters: int | None = None
    window: int = 0  # tokens that a windowed layer looks back; 0 for none
    windowed: tuple[bool, ...] = ()  # which layers have it; empty for none
    kv_layers: int | None = None  # only so many of the first layers keep keys and values; None for all
    experts: int = 0
    experts_used: int = 0
    kv_rank: int = 0  # MLA: width of the compressed keys and values; 0 where there is none
    rope_rank: int = 0  # MLA: width of the part with positions
    recurrent: tuple[bool, ...] = ()  # layers that keep a state (instead of keys and values, but for falcon-h1)
    state: int = 0  # numbers that a recurrent layer keeps for a sequence, its convolution's among them
    window_key_length: int = 0  # width of a head of a windowed layer, where it is another one
    window_value_length: int = 0
    expert_forward: int = 0  # width of one expert; 0 where it is that of `feed_forward`
    shared_forward: int = 0  # width of the expert that sees every token
    nope_length: int = 0  # MLA: width of a query head's part without positions
    dense_layers: int = 0  # of the first layers so many have no experts
    inner: int = 0  # width inside a recurrent layer; 0 where nobody says
    state_size: int = 0  # Mamba's, for each of `inner`; 0 for other kinds of state
    groups: int = 0
    convolution: int = 0  # taps of the convolution before it
    ranks: int = 0  # width of the time steps
