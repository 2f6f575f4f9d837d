"""The scratch memory in which llama.cpp computes: one buffer, laid out for the largest step before the first one."""

from __future__ import annotations

from offgrid_tui.fit.blocks import Builder
from offgrid_tui.fit.graph import Graph
from offgrid_tui.fit.model import Use

LOOKED_AT = 4  # layers of each kind


def compute_buffer(graph: Graph, use: Use) -> int:
    """Bytes of the buffer.

    Layers of one kind use the same places one after the other, so only some of each are looked at: as many as it takes
    until the holes between them have settled.
    """
    slots = max(1, use.slots)
    tokens = -(-use.tokens // slots) * slots  # llama.cpp gives each sequence as many
    outputs = min(tokens, use.outputs or slots)
    builder = Builder(graph, use, tokens)
    stream = builder.start()
    count = len(graph.layers)
    chosen = _chosen(graph)
    for index in chosen:
        last = outputs if index == count - 1 else None
        stream = builder.layer(stream, graph.heads[index], graph.layers[index], graph.blocks[index], last=last)
    builder.finish(stream, outputs, 0 if graph.blocks and graph.blocks[0].post_norm else graph.vocabulary)
    return builder.plan.size()


def _chosen(graph: Graph) -> list[int]:
    """The layers to look at: the first four of each kind, and the last."""
    seen: dict[object, int] = {}
    chosen = []
    for index, kind in enumerate(zip(graph.heads, graph.layers, graph.blocks, strict=True)):
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= LOOKED_AT or index == len(graph.layers) - 1:
            chosen.append(index)
    return chosen
