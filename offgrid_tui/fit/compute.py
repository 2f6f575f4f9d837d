"""The scratch memory of llama.cpp's graph: what lives at once while a part of a prompt is computed.

llama.cpp lays its graph out once, for the largest step, and reuses the same bytes for every layer. So the buffer is
what lasts through the layers (the masks) and beside it the largest of three moments: a layer's attention, its
feed-forward part, and the output. The formulas count the tensors alive at these moments (src/llama-graph.cpp), in
32-bit floats; tests compare them with the sizes that llama.cpp prints.
"""

from __future__ import annotations

from collections.abc import Iterable

from offgrid_tui.fit.graph import Graph
from offgrid_tui.fit.layers import Layer
from offgrid_tui.fit.model import Use

_FLOAT = 4


def compute_buffer(graph: Graph, use: Use) -> int:
    """Bytes of the graph's buffer, which is allocated in one piece and touched as it is needed."""
    tokens, layers = use.tokens, graph.layers
    outputs = min(tokens, use.outputs or use.slots)
    stream = tokens * _FLOAT * graph.embedding
    lasting = sum(_cache_inputs(use, tokens, group) for group in _caches(layers))
    kinds = set(zip(graph.heads, layers, strict=False))
    moments = [
        lasting + max((_attention(graph, use, tokens, heads, layer) for heads, layer in kinds), default=0),
        lasting + (4 if use.flash_attention else 3) * stream + tokens * _FLOAT * graph.forward,
        3 * stream + outputs * _FLOAT * graph.vocabulary,
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


def _attention(graph: Graph, use: Use, tokens: int, heads: int, layer: Layer) -> int:
    """Queries, keys, values and the scores of every head for every cached token; or what a state is updated with."""
    rows = use.rows(layer.window)
    scores = 0 if use.flash_attention else heads * rows
    elements = 2 * graph.embedding
    if graph.latent:
        # Queries thrice: as projected, in the latent space, and joined with their rotated part.
        elements += heads * (graph.key_length_mla + graph.latent + graph.key_length)
        elements += 2 * layer.key
        elements += scores if rows > graph.latent else 0  # smaller ones take the place of the first queries
    elif layer.key:
        elements += 2 * heads * graph.key_length + layer.key + layer.value + scores - graph.embedding
    if layer.state:  # the projection, twice as wide as the inside, and what convolution and scan make of it
        elements += 11 * graph.inner // 2
    return tokens * _FLOAT * elements
