"""What is asked of the estimator, and what it answers. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Use:
    """How a model would be loaded; the names are those of llama.cpp's context parameters."""

    context: int  # tokens of all slots together
    slots: int = 1  # sequences that may run at once
    batch: int = 2048  # tokens of one llama_decode
    ubatch: int = 512  # tokens computed at once
    kv_type_k: str = "f16"
    kv_type_v: str = "f16"
    flash_attention: bool = False
    unified: bool = True  # all slots share one cache (kv_unified)
    gpu_layers: int = 0  # counted from the last; one more than the layers puts the output there too
    mmap: bool = True


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
