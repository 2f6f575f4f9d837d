"""What is asked of the estimator, and what it answers. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Use:
    """How a model would be loaded; the defaults are those of our worker (engine/worker/loader.py)."""

    context: int  # tokens of all slots together
    slots: int = 8  # sequences that may run at once
    batch: int = 256  # tokens computed at once
    outputs: int | None = None  # tokens of a batch whose logits are asked for; None for one of each slot
    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    flash_attention: bool = False
    unified: bool = True  # all slots share one cache (kv_unified); otherwise each has its part
    full_window: bool = False  # layers that look through a window keep all tokens nevertheless (swa_full)
    gpu_layers: int = 0  # counted from the last; one more than the layers puts the output there too
    mmap: bool = True

    @property
    def streams(self) -> int:
        """Caches side by side."""
        return 1 if self.unified else self.slots

    @property
    def tokens(self) -> int:
        """Tokens computed at once, which are never more than the context."""
        return min(self.context, self.batch)

    def rows(self, window: int = 0) -> int:
        """Tokens that each cache holds, of layers that look back `window` tokens (0: all)."""
        rows = _pad(self.context if self.unified else _pad(self.context) // self.slots)
        if not window or self.full_window:
            return rows
        return _pad(min(rows, window * (self.slots if self.unified else 1) + self.tokens))


def _pad(tokens: int) -> int:
    """llama.cpp rounds caches up to whole pieces of 256 tokens."""
    return -(-tokens // 256) * 256


@dataclass(frozen=True, slots=True)
class Estimate:
    """Memory by kind, as llama.cpp allocates it. `gpu` is the part of all this that lies on GPUs."""

    weights: int
    repacked: int  # copies of weights, arranged for the CPU's instructions
    kv: int
    recurrent: int  # state of layers without attention
    compute: int
    output: int
    program: int  # the worker itself: Python, llama.cpp's code, the tokenizer
    gpu: int = 0

    @property
    def total(self) -> int:
        """All of it, on the CPU and on GPUs."""
        return self.weights + self.repacked + self.kv + self.recurrent + self.compute + self.output + self.program

    @property
    def memory(self) -> int:
        """The machine's memory: all but the GPUs' part."""
        return self.total - self.gpu


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may take. `limit` is the smaller of their share of the memory and of what can be had now."""

    total: int  # the machine's, or its cgroup's
    share: int  # for all models together
    available: int  # now, without the reserve

    @property
    def limit(self) -> int:
        return min(self.share, self.available)


class Level(StrEnum):
    """The four levels; the value is the word in JSON."""

    SAFE = "safe"
    TIGHT = "warning"
    OVER = "critical"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Words:
    """How a level is shown everywhere: shape and word, so that colour is never needed."""

    mark: str
    ascii: str
    word: str
    meaning: str


WORDS: dict[Level, Words] = {
    Level.SAFE: Words("●", "*", "safe", "fits with room to spare"),
    Level.TIGHT: Words("◐", "+", "tight", "fits, near the limit of the budget"),
    Level.OVER: Words("◔", "!", "over", "more than the budget; may be loaded when asked for twice"),
    Level.BLOCKED: Words("○", "x", "blocked", "more than can be had"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether `needs` bytes fit; `reason` is one line for a person, empty when safe."""

    level: Level
    needs: int
    limit: int
    reason: str = ""
