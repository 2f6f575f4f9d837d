"""What each layer of a model keeps for every token, or for every sequence.

llama.cpp decides this by architecture (src/llama-hparams.cpp, llama-model.cpp: create_memory, and load_arch_hparams in
src/models/); the same rules stand here as tables, for the architectures whose memory is not that of a plain
transformer. An unknown one is taken for a plain transformer, which needs most.
"""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.gguf.header import Header


@dataclass(frozen=True, slots=True)
class Layer:
    """`key` and `value` are the elements cached for a token; `state` those kept for a sequence, in 32-bit floats."""

    key: int
    value: int
    window: int  # tokens that it looks back; 0 for all
    state: int
    key_head: int = 0  # width of one head; 0 where it is the model's
    value_head: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which layers look through a window: all but each `every`-th one; the first of these groups of `every` is the
    full one where `full_first`, else the last. `window` holds where the file states none; 0: then there is none."""

    every: int
    full_first: bool = False
    window: int = 0


_WINDOWED = {
    "gemma2": Pattern(2, window=4096),
    "gemma3": Pattern(6),
    "gemma3n": Pattern(5),
    "gemma4": Pattern(6),
    "gpt-oss": Pattern(2),
    "llama4": Pattern(4, window=8192),
    "cohere2": Pattern(4),
    "cohere2moe": Pattern(4, full_first=True),
    "olmo2": Pattern(4),
    "exaone4": Pattern(4),
    "exaone-moe": Pattern(4, window=128),
    "afmoe": Pattern(4),
    "mellum": Pattern(4),
    "plamo3": Pattern(8),
    "smallthinker": Pattern(4, full_first=True),
    "laguna": Pattern(4, full_first=True),
    "mimo2": Pattern(1),
    "step35": Pattern(1),
    "granite_swa": Pattern(1),
    "lfm2": Pattern(0),
}
NO_CACHE = frozenset(
    {
        "bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "modern-bert",
        "gemma-embedding",
        "wavtokenizer-dec",
        "dream",
        "llada",
        "llada-moe",
        "rnd1",
    }
)
_RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})
BOTH = frozenset({"falcon-h1"})  # attention and a state in every layer
_INTERVAL = frozenset({"qwen3next", "qwen35", "qwen35moe"})  # attention in each n-th layer only
_HYBRID = frozenset(  # attention where there are key-value heads
    {
        "jamba",
        "plamo2",
        "granitehybrid",
        "lfm2",
        "lfm2moe",
        "nemotron_h",
        "nemotron_h_moe",
        "kimi-linear",
        "bailingmoe3",
    }
)


def layers(header: Header) -> tuple[Layer, ...]:
    """The layers that take part in answering; those that only predict further tokens are left out."""
    count = max(0, header.layers - (header.integer("{arch}.nextn_predict_layers") or 0))
    state, windowed = _state(header), _windowed(header)
    window = _window(header)
    caching = _caching_layers(header)
    latent = header.integer("{arch}.attention.key_length_mla")
    found = []
    for index in range(count):
        recurrent = _is_recurrent(header, index)
        attends = index < caching and header.architecture not in NO_CACHE
        attends = attends and (not recurrent or header.architecture in BOTH)
        near = windowed[index] and window > 0
        key, value = _widths(header, index, near) if attends else (0, 0)
        heads = header.kv_heads[index] if not latent else 0
        found.append(
            Layer(
                key,
                value,
                window if near else 0,
                state if recurrent else 0,
                key_head=key // heads if heads else 0,
                value_head=value // heads if heads else 0,
            )
        )
    return tuple(found)


def _widths(header: Header, index: int, near: bool) -> tuple[int, int]:
    heads = header.kv_heads[index]
    key, value = header.key_length, header.value_length
    if near:  # Gemma 4 has other heads behind the window
        key = header.integer("{arch}.attention.key_length_swa") or key
        value = header.integer("{arch}.attention.value_length_swa") or value
    if header.integer("{arch}.attention.key_length_mla"):
        return heads * key, 0  # latent attention: keys and values are computed from one cached vector
    return heads * key, heads * value


def _caching_layers(header: Header) -> int:
    """Layers from the first on that have a cache of their own; the others read those of earlier ones."""
    if header.architecture == "gemma3n":
        return 20
    shared = header.integer("{arch}.attention.shared_kv_layers") or 0
    return header.layers - shared if header.architecture == "gemma4" else header.layers


def _window(header: Header) -> int:
    pattern = _WINDOWED.get(header.architecture)
    if pattern is None or (header.architecture == "exaone4" and header.layers != 64):
        return 0
    stated = header.integer("{arch}.attention.sliding_window")
    if header.architecture in ("llama4", "smallthinker") and stated:
        return pattern.window or 4096  # their size is fixed; the file only says whether there is one
    return pattern.window if stated is None else stated


def _windowed(header: Header) -> tuple[bool, ...]:
    key = f"{header.architecture}.attention.sliding_window_pattern"
    stated = header.metadata.get(key)
    if isinstance(stated, tuple) and len(stated) >= header.layers:
        return tuple(bool(flag) for flag in stated[: header.layers])
    pattern = _WINDOWED.get(header.architecture, Pattern(1))
    every = header.integer(key) or pattern.every
    if every == 0:
        return (True,) * header.layers
    full = 0 if pattern.full_first else every - 1
    return tuple(index % every != full for index in range(header.layers))


def _is_recurrent(header: Header, index: int) -> bool:
    architecture = header.architecture
    if architecture in _RECURRENT or architecture in BOTH:
        return True
    if architecture in _INTERVAL:
        stated = header.metadata.get(f"{architecture}.attention.recurrent_layers")
        if isinstance(stated, tuple) and index < len(stated):
            return bool(stated[index])
        return (index + 1) % (header.integer("{arch}.full_attention_interval") or 4) != 0
    if architecture not in _HYBRID or header.kv_heads[index] != 0:
        return False
    forward = header.per_layer("{arch}.feed_forward_length", 0)[index]
    return not (architecture.startswith("nemotron_h") and forward)  # its layers do one thing each


def _state(header: Header) -> int:
    """Elements of one recurrent layer's state for one sequence."""

    def number(key: str) -> int:
        return header.integer(f"{{arch}}.{key}") or 0

    if size := number("wkv.head_size"):
        shifts = number("token_shift_count") or 2
        return header.embedding * (shifts + size)
    if length := number("shortconv.l_cache"):
        return header.embedding * (length - 1)
    if head := number("kda.head_dim"):
        heads = max(header.heads, default=0)
        return heads * head * (3 * max(number("ssm.conv_kernel") - 1, 0) + head)
    inner, size, groups = number("ssm.inner_size"), number("ssm.state_size"), number("ssm.group_count")
    convolution = max(number("ssm.conv_kernel") - 1, 0)
    return convolution * (inner + 2 * groups * size) + inner * size
