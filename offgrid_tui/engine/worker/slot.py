"""One sequence of llama.cpp's context, and what its KV cache holds."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from offgrid_tui.engine.worker.job import Job


@dataclass(eq=False)
class Slot:
    """While `job` runs here, `tokens` is the job's own list, which may be ahead of the cache by what is due."""

    index: int
    job: Job | None = None
    tokens: array[int] = field(default_factory=lambda: array("i"))
    filled: int = 0  # how many of `tokens` are in the cache
    used: int = 0  # when it was last in use, in steps
    idle_since: int = 0  # microseconds
    cache_key: str | None = None
    borrowed: int = 0  # cells that were another running answer's when this one began

    @property
    def due(self) -> int:
        """Tokens that must be decoded before the next can be sampled: 1 while answering, more in the prompt."""
        return len(self.tokens) - self.filled

    @property
    def own(self) -> int:
        """About how many cells of the cache it needs beyond those it shares."""
        return len(self.tokens) - self.borrowed

    def leave(self) -> None:
        """The job is over: keep what the cache holds, for the next."""
        self.job = None
        self.tokens = self.tokens[: self.filled]
        self.borrowed = 0

    def empty(self) -> None:
        self.tokens = array("i")
        self.filled = 0
        self.cache_key = None


def common_prefix(first: array[int], second: array[int], limit: int) -> int:
    """How many tokens both begin with, `limit` at most. By halving, with comparisons that run in C."""
    low, high = 0, min(len(first), len(second), limit)
    one, two = memoryview(first).cast("B"), memoryview(second).cast("B")
    size = first.itemsize
    while low < high:
        middle = (low + high + 1) // 2
        if one[low * size : middle * size] == two[low * size : middle * size]:
            low = middle
        else:
            high = middle - 1
    return low
