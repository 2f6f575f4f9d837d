"""The scratch memory of llama.cpp's graph: what lives at once while a part of a prompt is computed.

llama.cpp lays its graph out once, for the largest step, and reuses the same bytes for every layer. So the buffer is
what lasts through the layers (the masks) and beside it the largest of three moments: a layer's attention, its
feed-forward part, and the output. The formulas count the tensors alive at these moments (src/llama-graph.cpp), in
32-bit floats; tests compare them with the sizes that llama.cpp prints.
"""

from __future__ import annotations

from collections.abc import Iterable

from offgrid_tui.fit.layers import Layer
from offgrid_tui.fit.model import Use
from offgrid_tui.gguf.header import Header

_FLOAT = 4


def compute_buffer(header: Header, use: Use, layers: tuple[Layer, ...]) -> int:
    """Bytes of the graph's buffer, which is allocated in one piece and touched as it is needed."""
    tokens = use.tokens
    outputs = min(tokens, use.outputs or use.slots)
    stream = tokens * _FLOAT * header.embedding
    lasting = sum(_cache_inputs(use, tokens, group) for group in _caches(layers))
    moments = [
        lasting + max((_attention(header, use, tokens, index, layer) for index, layer in enumerate(layers)), default=0),
        lasting + (4 if use.flash_attention else 3) * stream + tokens * _FLOAT * _forward(header),
        3 * stream + outputs * _FLOAT * header.vocabulary,
    ]
    return max(moments)


def _caches(layers: tuple[Layer, ...]) -> Iterable[list[Layer]]:
    """Layers that share a cache, and so a mask: those that see all tokens, and those behind a window."""
    attending = [layer for layer in layers if layer.key]
    for windowed in (False, True):
        if group := [layer for layer in attending if bool(layer.window) is windowed]:
            yield group


def _cache_inputs(use: Use, tokens: int, group: list[Layer]) -> int:
    """The mask, and without flash attention the place of every value, which is stored transposed."""
    rows = use.rows(group[0].window)
    if use.flash_attention:
        return tokens * rows * 2
    return tokens * rows * _FLOAT + tokens * 8 * max(layer.value for layer in group)


def _attention(header: Header, use: Use, tokens: int, index: int, layer: Layer) -> int:
    """Queries, keys, values and the scores of every head for every cached token; or what a state is updated with."""
    heads, rows = header.heads[index], use.rows(layer.window)
    scores = 0 if use.flash_attention else heads * rows
    elements = 2 * header.embedding
    if latent := header.integer("{arch}.attention.kv_lora_rank"):
        # Queries thrice: as projected, in the latent space, and joined with their rotated part.
        elements += heads * ((header.integer("{arch}.attention.key_length_mla") or 0) + latent + header.key_length)
        elements += 2 * layer.key
        elements += scores if rows > latent else 0  # smaller ones take the place of the first queries
    elif layer.key:
        elements += 2 * heads * header.key_length + layer.key + layer.value + scores - header.embedding
    if layer.state:  # the projection, twice as wide as the inside, and what convolution and scan make of it
        elements += 11 * (header.integer("{arch}.ssm.inner_size") or header.embedding) // 2
    return tokens * _FLOAT * elements


def _forward(header: Header) -> int:
    """Elements for one token: gate, up and their product, of all experts that it is sent to."""
    dense = max(header.per_layer("{arch}.feed_forward_length", 0), default=0)
    if not (header.integer("{arch}.expert_count") or 0):
        return 3 * dense if _is_gated(header, dense) else dense  # an activation alone is computed in place
    used = header.integer("{arch}.expert_used_count") or 1
    expert = max(header.per_layer("{arch}.expert_feed_forward_length", 0), default=0) or dense
    routed = used * max(3 * expert, expert + 2 * header.embedding)
    shared = 3 * (header.integer("{arch}.expert_shared_feed_forward_length") or 0)
    leading = 3 * dense if header.integer("{arch}.leading_dense_block_count") else 0
    return max(routed + shared, leading)


def _is_gated(header: Header, dense: int) -> bool:
    """Whether there is a gate: a matrix of its own, or one half of a matrix twice as high."""
    return any(
        ".ffn_gate." in tensor.name or (".ffn_up.weight" in tensor.name and tensor.shape[1:] == (2 * dense,))
        for tensor in header.tensors
    )
