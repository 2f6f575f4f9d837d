"""The parts of a model as llama.cpp computes them: what stands in its scratch memory, in which order.

Source: src/llama-graph.cpp and src/models/ of llama.cpp. Only what decides the size is here: operations that are
always computed in the place of their source (biases, scales, activations) are left out. All numbers are 32-bit floats.
"""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.fit.allocation import Plan, Result
from offgrid_tui.fit.graph import Block, Graph
from offgrid_tui.fit.layers import Layer
from offgrid_tui.fit.model import Use

F = 4  # bytes of a number
MOST_PIECES = 16  # experts whose results are added one by one: more change nothing, and a header may state billions
ROTATION = 64  # the least width of the rotation that evens keys and values out before they are quantised


@dataclass(frozen=True, slots=True)
class Cache:
    """What all layers of one kind share: the mask, the places of keys and values, and rotations."""

    rows: int
    mask: Result
    keys: Result
    values: Result
    turn_key: Result | None
    turn_value: Result | None


class Builder:
    """Writes the steps of one model for one use into `plan`."""

    def __init__(self, graph: Graph, use: Use, tokens: int) -> None:
        self.plan = Plan()
        self._graph, self._use, self._tokens = graph, use, tokens
        self._caches: dict[bool, Cache] = {}
        self._positions = self.plan.given(4 * tokens)
        self._chosen = self.plan.given(4 * use.slots)

    def start(self) -> Result:
        words = self.plan.given(4 * self._tokens)
        self.plan.given(F * self._graph.embedding * self._tokens)  # for embeddings instead of words: it is never freed
        return self._wide(self._graph.embedding, words)

    def layer(self, stream: Result, heads: int, layer: Layer, block: Block, *, last: int | None) -> Result:
        """One layer; `last` is how many tokens go on where it is the last one."""
        plan, width = self.plan, self._graph.embedding
        normed = stream if block.post_norm else self._wide(width, stream)
        if layer.state:
            mixed = self._recurrent(normed, layer, block)
            if layer.key:
                mixed = self._wide(width, self._attention(normed, heads, layer, block), mixed, replaces=True)
        elif self._graph.latent and layer.key:
            mixed = self._latent(normed, heads)
        else:
            mixed = self._attention(normed, heads, layer, block)
        tokens = self._tokens
        if last is not None:
            tokens = last
            mixed = plan.step(F * width * tokens, mixed, self._chosen, layout=(width, tokens))
            stream = plan.step(F * width * tokens, stream, self._chosen, layout=(width, tokens))
        after = plan.step(F * width * tokens, mixed, stream, layout=(width, tokens), replaces=True)
        if not block.forward and not block.used:
            return after
        if block.post_norm:  # encoders norm what they hand on
            after = plan.step(F * width * tokens, after, layout=(width, tokens))
            normed = after
        else:
            normed = plan.step(F * width * tokens, after, layout=(width, tokens))
        out = self._experts(normed, tokens, block) if block.used else self._forward(normed, tokens, block)
        stream = plan.step(F * width * tokens, out, after, layout=(width, tokens), replaces=True)
        return plan.step(F * width * tokens, stream, layout=(width, tokens)) if block.post_norm else stream

    def finish(self, stream: Result, tokens: int, vocabulary: int) -> None:
        normed = self.plan.step(F * self._graph.embedding * tokens, stream)
        self.plan.step(F * vocabulary * tokens, normed)

    # ── attention ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _attention(self, normed: Result, heads: int, layer: Layer, block: Block) -> Result:
        plan, tokens, flash = self.plan, self._tokens, self._use.flash_attention
        key_head = layer.key_head or self._graph.key_length
        value_head = layer.value_head or self._graph.value_length
        query_width = heads * key_head
        key_width, value_width = layer.key or query_width, layer.value or heads * value_head
        cache = self._cache(layer) if layer.key else None
        if block.fused:
            whole = self._wide(query_width + key_width + value_width, normed)
            query, key, value = plan.view(whole), plan.view(whole), plan.view(whole)
            query = self._wide(query_width, query, self._positions)
            key = self._wide(key_width, key, self._positions)
        else:
            query = self._wide(query_width, normed)
            query = self._rotated(query_width, query) if block.rotated else query
            if cache is not None and cache.turn_key is not None:
                query = self._wide(query_width, query, cache.turn_key)
            value = self._wide(value_width, normed)
            if cache is not None and cache.turn_value is not None:
                value = self._wide(value_width, value, cache.turn_value)
            key = self._wide(key_width, normed)
            key = self._rotated(key_width, key) if block.rotated else key
        if cache is None:
            return self._attend_all(query, key, value, heads, value_head)
        if cache.turn_key is not None:
            if block.fused:
                query = self._wide(query_width, query, cache.turn_key)
            key = self._wide(key_width, key, cache.turn_key)
        if cache.turn_value is not None and block.fused:
            value = self._wide(value_width, self._wide(value_width, value), cache.turn_value)
        plan.use(key, cache.keys)
        if block.fused and not flash and cache.turn_value is None:
            value = self._wide(value_width, value)
        plan.use(value, cache.values)
        if flash:
            out = plan.step(F * heads * value_head * tokens, query, cache.mask)
        else:
            scores = plan.step(F * heads * cache.rows * tokens, query, layout="scores")
            scores = plan.step(F * heads * cache.rows * tokens, scores, cache.mask, layout="scores", replaces=True)
            mixed = plan.step(F * heads * value_head * tokens, scores)
            out = plan.step(F * heads * value_head * tokens, plan.view(mixed))
        if cache.turn_value is not None:
            out = self._wide(heads * value_head, out, cache.turn_value)
        return self._wide(self._graph.embedding, out)

    def _rotated(self, width: int, source: Result) -> Result:
        return self._wide(width, self.plan.view(source), self._positions)

    def _attend_all(self, query: Result, key: Result, value: Result, heads: int, head: int) -> Result:
        """Without a cache: every token of the batch sees every other one."""
        plan, tokens, width = self.plan, self._tokens, heads * head
        cache = self._cache(None)
        if self._use.flash_attention:
            key, value = plan.step(2 * width * tokens, plan.view(key)), plan.step(2 * width * tokens, plan.view(value))
            out = plan.step(F * width * tokens, plan.view(query), key, value, cache.mask)
        else:
            turned = plan.step(F * width * tokens, plan.view(value))
            scores = plan.step(F * heads * tokens * tokens, plan.view(key), plan.view(query), layout="scores")
            scores = plan.step(F * heads * tokens * tokens, scores, cache.mask, layout="scores", replaces=True)
            mixed = plan.step(F * width * tokens, turned, scores)
            out = plan.step(F * width * tokens, plan.view(mixed))
        return self._wide(self._graph.embedding, out)

    def _latent(self, normed: Result, heads: int) -> Result:
        """Multi-head latent attention: the cache holds one compressed vector for all heads."""
        plan, graph, tokens = self.plan, self._graph, self._tokens
        cache = self._cache(graph.layers[0])
        head, rank = graph.key_length_mla, graph.latent
        rope = graph.key_length - rank
        source = self._wide(graph.query_rank, normed) if graph.query_rank else normed
        query = self._wide(heads * head, source)
        packed = self._wide(rank + rope, normed)
        plain, turning = plan.view(query), plan.view(query)
        turning = self._wide(heads * rope, turning, self._positions)
        absorbed = self._wide(heads * rank, plain)
        joined = self._wide(heads * (rank + rope), plan.view(absorbed), turning)
        short = self._wide(rank, plan.view(packed))
        turned = self._wide(rope, plan.view(packed), self._positions)
        key = self._wide(rank + rope, short, turned)
        plan.use(short)
        plan.use(key, cache.keys)
        value = graph.value_length_mla
        if self._use.flash_attention:
            out = plan.step(F * heads * rank * tokens, joined, cache.mask)
            out = plan.step(F * heads * value * tokens, plan.view(out))
            out = plan.step(F * heads * value * tokens, plan.view(out))
        else:
            turned_values = plan.step(2 * rank * cache.rows)  # the cache is not transposed here: this copy is
            scores = plan.step(F * heads * cache.rows * tokens, joined, layout="scores")
            scores = plan.step(F * heads * cache.rows * tokens, scores, cache.mask, layout="scores", replaces=True)
            mixed = plan.step(F * heads * rank * tokens, turned_values, scores)
            mixed = plan.step(F * heads * value * tokens, mixed)
            out = plan.step(F * heads * value * tokens, plan.view(mixed))
        return self._wide(graph.embedding, out)

    def _cache(self, layer: Layer | None) -> Cache:
        """The inputs of the cache that `layer` writes to; None for attention without one."""
        near = bool(layer and layer.window)
        if near not in self._caches:
            plan, use, graph = self.plan, self._use, self._graph
            rows = use.rows(layer.window) if layer else self._tokens
            cell = 2 if use.flash_attention else F
            widest = max((other.value for other in graph.layers if bool(other.window) is near), default=0)
            turns = layer is not None and not graph.latent
            self._caches[near] = Cache(
                rows=rows,
                mask=plan.given(cell * rows * self._tokens // use.streams),
                keys=plan.given(8 * self._tokens),
                values=plan.given(8 * self._tokens * (1 if use.flash_attention else max(1, widest))),
                turn_key=self._turn(use.kv_type_k, graph.key_length, whole=True) if turns else None,
                turn_value=self._turn(use.kv_type_v, graph.value_length, whole=False) if turns else None,
            )
        return self._caches[near]

    def _turn(self, kind: str, head: int, *, whole: bool) -> Result | None:
        if kind in ("f32", "f16", "bf16") or head % ROTATION:
            return None
        width = ROTATION
        while whole and head % (2 * width) == 0:
            width *= 2
        return self.plan.given(F * width * width)

    # ── the feed-forward part ──────────────────────────────────────────────────────────────────────────────────────

    def _forward(self, normed: Result, tokens: int, block: Block, width: int = 0) -> Result:
        plan, size = self.plan, F * (width or block.forward) * tokens
        if block.joined:
            inner = plan.step(size, plan.step(2 * size, normed))
        elif block.gated:
            inner = plan.step(size, plan.step(size, normed), plan.step(size, normed))
        else:
            inner = plan.step(size, normed)  # activated in place
        embedding = self._graph.embedding
        return plan.step(F * embedding * tokens, inner, layout=(embedding, tokens))

    def _experts(self, normed: Result, tokens: int, block: Block) -> Result:
        plan, width, used = self.plan, self._graph.embedding, block.used
        scores = plan.step(F * block.experts * tokens, normed)
        order = plan.step(4 * block.experts * tokens, scores)
        top = plan.view(order)
        weights = plan.step(F * used * tokens, plan.view(scores), top)
        size = F * block.expert * used * tokens
        same = plan.view(normed)
        gate, up = plan.step(size, same, top), plan.step(size, same, top)
        inner = plan.step(size, gate, up)
        down = plan.step(F * width * used * tokens, inner, top, layout="experts")
        down = plan.step(F * width * used * tokens, down, weights, layout="experts", replaces=True)
        pieces = [plan.view(down, "piece") for _ in range(min(used, MOST_PIECES))]
        total = pieces[0]
        for piece in pieces[1:]:
            total = plan.step(F * width * tokens, total, piece, layout=(width, tokens), replaces=True)
        if used == 1:
            total = plan.step(F * width * tokens, total, layout=(width, tokens))
        if block.shared:
            other = self._forward(normed, tokens, block, block.shared)
            total = plan.step(F * width * tokens, total, other, layout=(width, tokens), replaces=True)
        return total

    # ── layers with a state ────────────────────────────────────────────────────────────────────────────────────────

    def _recurrent(self, normed: Result, layer: Layer, block: Block) -> Result:
        plan, graph, tokens, slots = self.plan, self._graph, self._tokens, self._use.slots
        inner, mixed = graph.inner, graph.inner + 2 * graph.groups * graph.state_size
        if not graph.state_size:  # a short convolution
            whole = self._wide(3 * graph.embedding, normed)
            gates = self._wide(graph.embedding, plan.view(whole), plan.view(whole))
            joined = plan.step(F * graph.embedding * (tokens + 2 * slots), plan.view(gates))
            plan.use(plan.view(joined))
            convolved = self._wide(graph.embedding, joined)
            return self._wide(graph.embedding, self._wide(graph.embedding, plan.view(whole), convolved))
        taps = graph.convolution - 1
        scanned = F * (inner * tokens + graph.state_size * inner * slots)
        if graph.groups:  # Mamba 2, and what is like it
            convolution = plan.step(F * taps * mixed * slots)
            whole = self._wide(inner + mixed + graph.ranks, normed)
            z, x, step = plan.view(whole), plan.view(whole), plan.view(whole)
            joined = plan.step(F * mixed * (tokens + taps * slots), convolution, plan.view(x))
            plan.use(plan.view(joined))
            convolved = self._wide(mixed, joined)
            first, second, third = plan.view(convolved), plan.view(convolved), plan.view(convolved)
            step = self._wide(graph.ranks, step)
            scan = plan.step(scanned, first, step, second, third)
        else:  # Mamba
            convolution = plan.step(F * taps * inner * slots)
            whole = self._wide(2 * inner, normed)
            x, z = plan.view(whole), plan.view(whole)
            joined = plan.step(F * inner * (tokens + taps * slots), convolution, plan.view(x))
            plan.use(plan.view(joined))
            convolved = self._wide(inner, joined)
            parts = self._wide(graph.ranks + 2 * graph.state_size, convolved)
            step, second, third = plan.view(parts), plan.view(parts), plan.view(parts)
            step = self._wide(inner, self._wide(graph.ranks, step))
            first = plan.view(convolved)
            scan = plan.step(scanned, first, step, second, third)
        plan.use(plan.view(scan))
        skipped = self._wide(inner, first)
        added = self._wide(inner, plan.view(scan), skipped, replaces=True)
        gate = self._wide(inner, z)
        return self._wide(graph.embedding, self._wide(inner, gate, added))

    def _wide(self, width: int, *sources: Result, replaces: bool = False) -> Result:
        """`width` numbers for each token."""
        return self.plan.step(F * width * self._tokens, *sources, layout=(width, self._tokens), replaces=replaces)
