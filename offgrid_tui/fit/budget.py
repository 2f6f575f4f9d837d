"""How much memory models may take, and whether one more fits."""

from __future__ import annotations

from offgrid_tui.fit.model import Budget, Level, Verdict
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.settings.schema import MemorySettings

WARN = 5 / 6  # of the budget: at the default share of 60 % a model is tight from half of the memory on


def budget(hardware: Hardware, settings: MemorySettings) -> Budget:
    """The budget now. A cgroup's limit counts as the machine's memory where it is smaller."""
    memory = hardware.memory
    return Budget(
        total=memory.usable,
        share=int(memory.usable * settings.budget),
        available=max(0, memory.available - int(settings.reserve * 2**30)),
    )


def verdict(needs: int, budget: Budget, *, reserved: int = 0, resident: int = 0) -> Verdict:
    """Whether `needs` bytes more fit beside `reserved` bytes promised to other models, `resident` of which they have.

    Safe and tight stay inside the share and inside what can be had now. Over breaks the share only. Blocked would
    have to push other programs, or its own weights, out of memory.
    """
    available = max(0, budget.available - max(0, reserved - resident))
    share = max(0, budget.share - reserved)
    limit = min(share, available)
    if needs > available:
        reason = f"needs {bytes_text(needs)}, {bytes_text(available)} can be had now"
        return Verdict(Level.BLOCKED, needs, limit, reason)
    if needs > share:
        reason = f"needs {bytes_text(needs)}, the budget for models leaves {bytes_text(share)}"
        return Verdict(Level.OVER, needs, limit, reason)
    if reserved + needs > budget.share * WARN or needs > available * WARN:
        return Verdict(Level.TIGHT, needs, limit, f"needs {bytes_text(needs)} of {bytes_text(limit)}")
    return Verdict(Level.SAFE, needs, limit)
