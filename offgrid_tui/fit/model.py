"""What is asked of the estimator, and what it answers. Sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.hardware.model import Hardware


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
    mlock: bool = False  # what is mapped stays in memory, also what is never read again

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
    idle: int = 0  # of `weights`: mapped, but never read again once their copies are made

    @property
    def total(self) -> int:
        """All that llama.cpp allocates and maps, on the CPU and on GPUs, and the program."""
        return self.weights + self.repacked + self.kv + self.recurrent + self.compute + self.output + self.program

    @property
    def memory(self) -> int:
        """What must stay in the machine's memory: all but the GPUs' part and what the kernel may drop for good."""
        return self.total - self.gpu - self.idle

    @property
    def weights_needed(self) -> int:
        """The weights wherever they are read from, each counted once."""
        return self.weights + self.repacked - self.idle

    @property
    def cache(self) -> int:
        """What conversations keep: keys and values, and the states of recurrent layers."""
        return self.kv + self.recurrent

    @property
    def overhead(self) -> int:
        """What any model of this vocabulary costs: the program, and the logits of each slot."""
        return self.output + self.program


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may take. `limit` is the smaller of their share of the memory and of what can be had now."""

    total: int  # the machine's, or its cgroup's
    share: int  # for all models together
    available: int  # now, without the reserve
    warn: float = 5 / 6  # of the share: from here on a model is tight; half of the memory where the share is 60 %

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


@dataclass(frozen=True, slots=True)
class Taken:
    """What models that are at work hold: bytes promised to them, and bytes of these that they have already taken
    from what the system calls available. A mapped file is not taken yet: the kernel counts its pages as available.

    `freeable` are bytes that idle models have: they are unloaded when another one needs the room.
    """

    reserved: int = 0
    resident: int = 0
    freeable: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The machine and what is loaded on it at one moment: what many verdicts can be reckoned from."""

    hardware: Hardware
    taken: Taken
    memory: Budget
    vram: Budget


class Source(StrEnum):
    """Where an estimate comes from, best first."""

    HEADER = "header"  # of the file itself: within a few percent of what llama.cpp then allocates
    SHAPE = "shape"  # the numbers of the architecture and the size of the file
    SIZE = "size"  # the size of the file alone: rough


class Way(StrEnum):
    """What could be changed so that a model fits."""

    BATCH = "batch"  # fewer tokens of a prompt at once: as good, and hardly slower on a processor
    CONTEXT = "context"
    KV_TYPE = "kv_type"
    QUANTISATION = "quantisation"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A change by which the model would fit, and what it would need then."""

    way: Way
    value: str  # "4096", "q8_0", "Q4_K_S", a model's name
    needs: int
    level: Level
    text: str  # one line for a person


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another file that could be loaded instead: the same model in another quantisation, or another model."""

    name: str  # what is shown, and what a command takes: Q4_K_S, llama3.2:1b
    size: int  # bytes of its file
    shape: ModelShape | None = None  # None: that of the model it stands in for, where `same`, else unknown
    same: bool = True  # the same model, otherwise quantised


@dataclass(frozen=True, slots=True)
class Fit:
    """The one answer about a model on this machine: the same for screens, commands, the gate and the API."""

    estimate: Estimate
    verdict: Verdict
    budget: Budget
    source: Source
    use: Use
    alternatives: tuple[Alternative, ...] = ()
    gpu: Verdict | None = None  # of the GPUs' part, where there is one; `verdict` is the worse of both

    @property
    def fits(self) -> bool:
        return self.verdict.level in (Level.SAFE, Level.TIGHT)
