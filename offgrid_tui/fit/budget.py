"""How much memory models may take, and whether one more fits."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.fit.model import Budget, Level, Taken, Verdict
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.settings.schema import MemorySettings

GPU_RESERVE = 600 * 2**20  # bytes of each GPU that its driver and llama.cpp's own context take


@dataclass(frozen=True, slots=True)
class Policy:
    """Fractions of the memory that all models together may have. A GPU has no other programs to leave room for."""

    memory: float
    vram: float


POLICIES = {
    "conservative": Policy(0.45, 0.75),
    "balanced": Policy(0.6, 0.9),
    "aggressive": Policy(0.8, 0.95),
}


def budget(hardware: Hardware, settings: MemorySettings) -> Budget:
    """The budget now. A cgroup's limit counts as the machine's memory where it is smaller."""
    memory = hardware.memory
    share = POLICIES[settings.policy].memory if settings.budget is None else settings.budget
    return Budget(
        total=memory.usable,
        share=int(memory.usable * share),
        available=max(0, memory.available - int(settings.reserve * 2**30)),
    )


def vram_budget(hardware: Hardware, settings: MemorySettings) -> Budget:
    """The same for the memory of all GPUs together; nothing where there is none."""
    total = sum(gpu.total for gpu in hardware.gpus)
    share = POLICIES[settings.policy].vram if settings.vram_budget is None else settings.vram_budget
    free = sum(max(0, gpu.free - GPU_RESERVE) for gpu in hardware.gpus)
    return Budget(total=total, share=int(total * share), available=free)


def verdict(needs: int, budget: Budget, *, reserved: int = 0, resident: int = 0, of: str = "") -> Verdict:
    """Whether `needs` bytes more fit beside `reserved` bytes promised to other models, `resident` of which they have.

    Safe and tight stay inside the share and inside what can be had now. Over breaks the share only. Blocked would
    have to push other programs, or its own weights, out of memory.

    Args:
        of: what kind of memory this is, for the reason: " of GPU memory"; empty for the machine's.
    """
    available = max(0, budget.available - max(0, reserved - resident))
    share = max(0, budget.share - reserved)
    limit = min(share, available)
    if needs > available:
        reason = f"needs {bytes_text(needs)}{of}, {bytes_text(available)} can be had now"
        return Verdict(Level.BLOCKED, needs, limit, reason)
    if needs > share:
        reason = f"needs {bytes_text(needs)}{of}, the budget for models leaves {bytes_text(share)}"
        return Verdict(Level.OVER, needs, limit, reason)
    if reserved + needs > budget.share * budget.warn or needs > available * budget.warn:
        return Verdict(Level.TIGHT, needs, limit, f"needs {bytes_text(needs)} of {bytes_text(limit)}{of}")
    return Verdict(Level.SAFE, needs, limit)


def with_taken(found: Budget, taken: Taken) -> Budget:
    """`found`, with what idle models would give back."""
    return Budget(found.total, found.share, found.available + taken.freeable, found.warn)
