"""How much one buffer must hold so that all results of a computation find room in it, one after the other.

llama.cpp lays its scratch memory out before it computes (ggml's graph allocator): each result gets the smallest hole
that it fits into, takes the place of its source where its operation allows that, and gives its place back after its
last use. What holes remain unused decides up to a fifth of the size, so the same is done here, on paper.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

ALIGNMENT = 32  # bytes (ggml's TENSOR_ALIGNMENT)


class Result:
    """What one operation leaves: `size` bytes, or a view of another's. `layout` is equal where one can take the
    other's place."""

    __slots__ = ("children", "held", "layout", "place", "replaces", "size", "sources", "view", "views")

    def __init__(
        self, size: int, sources: Sequence[Result], view: Result | None, layout: Hashable, replaces: bool
    ) -> None:
        self.size = -(-size // ALIGNMENT) * ALIGNMENT
        self.sources = sources
        self.view = view
        self.layout = layout
        self.replaces = replaces
        self.children = self.views = 0
        self.place: int | None = None  # offset in the buffer; None for what has none
        self.held = False


class Plan:
    """Operations in the order in which they run. Weights and caches lie elsewhere: they are left out."""

    def __init__(self) -> None:
        self._inputs: list[Result] = []
        self._steps: list[Result] = []

    def given(self, size: int) -> Result:
        """What is written into the buffer before the first operation: tokens, positions, masks."""
        result = Result(size, (), None, None, False)
        self._inputs.append(result)
        return result

    def step(self, size: int, *sources: Result, layout: Hashable = None, replaces: bool = False) -> Result:
        """An operation with a result of its own; `replaces` where ggml may compute it in place."""
        result = Result(size, sources, None, layout, replaces)
        self._steps.append(result)
        return result

    def view(self, source: Result, layout: Hashable = None) -> Result:
        """Another look at the same bytes."""
        result = Result(0, (source,), source if source.view is None else source.view, layout, False)
        self._steps.append(result)
        return result

    def use(self, *sources: Result) -> None:
        """An operation that writes elsewhere: into a cache."""
        result = Result(0, sources, None, None, False)
        result.held = True  # it has its place already
        self._steps.append(result)

    def size(self) -> int:
        """Bytes of the buffer. A plan is used up by this."""
        for step in self._steps:
            if step.view is not None:
                step.view.views += 1
            for source in step.sources:
                source.children += 1
        room = _Room()
        for result in self._inputs:
            result.place, result.held = room.take(result.size), True
        for step in self._steps:
            if not step.held and step.view is None:
                _place(step, room)
            for source in step.sources:
                _release(source, room)
        return room.most


def _place(step: Result, room: _Room) -> None:
    step.held = True
    if step.replaces:
        for source in step.sources:
            alone = source.children == 1 and source.views == 0 and source.view is None
            if alone and source.held and source.layout == step.layout and source.layout is not None:
                step.place, source.held = source.place, False
                return
    step.place = room.take(step.size)


def _release(source: Result, room: _Room) -> None:
    source.children -= 1
    if source.children or source.views:
        return
    owner = source
    if source.view is not None:
        owner = source.view
        owner.views -= 1
        if owner.views or owner.children:
            return
    if owner.held and owner.place is not None:
        room.give(owner.place, owner.size)
        owner.held = False


class _Room:
    """Free pieces of a buffer without end, in order; `most` is how far it was ever used."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = [(0, 1 << 62)]
        self.most = 0

    def take(self, size: int) -> int:
        best, least = len(self._free) - 1, 1 << 63
        for index in range(len(self._free) - 1):
            length = self._free[index][1]
            if size <= length <= least:
                best, least = index, length
        offset, length = self._free[best]
        if length == size:
            del self._free[best]
        else:
            self._free[best] = (offset + size, length - size)
        self.most = max(self.most, offset + size)
        return offset

    def give(self, offset: int, size: int) -> None:
        index = 0
        while index < len(self._free) and self._free[index][0] < offset:
            index += 1
        self._free.insert(index, (offset, size))
        if index + 1 < len(self._free) and offset + size == self._free[index + 1][0]:
            size += self._free.pop(index + 1)[1]
            self._free[index] = (offset, size)
        if index and sum(self._free[index - 1]) == offset:
            before, length = self._free[index - 1]
            self._free[index - 1 : index + 1] = [(before, length + size)]
