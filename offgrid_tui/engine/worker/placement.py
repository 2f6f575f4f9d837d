"""Which slot an answer gets: the one whose cache already holds the longest beginning of its prompt."""

from __future__ import annotations

from collections.abc import Sequence

from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.llama import Memory
from offgrid_tui.engine.worker.slot import Slot, common_prefix

_LOSABLE = 64  # tokens of another conversation that may be thrown away rather than empty a whole slot for them
_GROWTH = 32  # tokens by which each running answer is expected to grow soon


class Placement:
    """Keeps `slots` and the cache behind them in step."""

    def __init__(self, memory: Memory, slots: Sequence[Slot], cells: int) -> None:
        self._memory = memory
        self._slots = slots
        self._cells = cells

    def place(self, job: Job, step: int) -> Slot | None:
        """The slot in which `job` now runs; None while there is no room for it. At least one slot must be idle.

        Its cache holds `filled` tokens of the prompt, all but the last one at most: a decode needs one.
        """
        limit = len(job.tokens) - 1
        prefix = {slot.index: common_prefix(slot.tokens, job.tokens, min(slot.filled, limit)) for slot in self._slots}
        running = [slot for slot in self._slots if slot.job]
        borrowed = max((prefix[slot.index] for slot in running), default=0) if self._memory.trimmable else 0
        if running and not self._fits(len(job.tokens) - borrowed, running):
            return None
        idle = [slot for slot in self._slots if slot.job is None]
        target, filled = self._choose(job, idle, prefix)
        target.job, target.tokens, target.filled = job, job.tokens, filled
        target.used, target.cache_key = step, job.request.cache_key
        target.borrowed = min(borrowed, filled)
        return target

    def evict(self) -> bool:
        """Forget the idle conversation that was used longest ago. False where there is none."""
        idle = [slot for slot in self._slots if slot.job is None and slot.filled]
        if not idle:
            return False
        oldest = min(idle, key=lambda slot: slot.used)
        self._memory.trim(oldest.index, 0)
        oldest.empty()
        return True

    def resynchronise(self, slot: Slot) -> None:
        """After an aborted batch: find out how much of it the cache holds, and leave at least one token to decode."""
        held = self._memory.length(slot.index)
        wanted = min(held, len(slot.tokens) - 1)
        if not self._memory.trimmable or held < slot.filled:
            wanted = 0  # the state may be half of two steps
        if wanted != held or wanted == 0:
            wanted = wanted if self._memory.trim(slot.index, wanted) else 0
        slot.filled = wanted

    def _fits(self, needed: int, running: Sequence[Slot]) -> bool:
        used = sum(slot.own + _GROWTH for slot in running)
        return used + needed + _GROWTH <= self._cells

    def _choose(self, job: Job, idle: Sequence[Slot], prefix: dict[int, int]) -> tuple[Slot, int]:
        """An idle slot, and how many tokens its cache then holds."""
        oldest = min(idle, key=lambda slot: (slot.filled > 0, slot.used))
        best = max(idle, key=lambda slot: (prefix[slot.index], slot.used))
        length = prefix[best.index]
        if not self._memory.trimmable:
            # Its state can only be continued as a whole.
            whole = [slot for slot in idle if slot.filled and prefix[slot.index] == slot.filled]
            if whole:
                best = max(whole, key=lambda slot: slot.filled)
                return best, best.filled
            self._memory.trim(oldest.index, 0)
            return oldest, 0
        source = max(self._slots, key=lambda slot: prefix[slot.index])
        longest = prefix[source.index]
        lost = best.filled - length
        same = best.cache_key is not None and best.cache_key == job.request.cache_key
        if length == longest and (same or lost <= (_LOSABLE if oldest.filled else 0) or oldest is best):
            return best, length if self._memory.trim(best.index, length) else 0
        if longest == 0:
            self._memory.trim(oldest.index, 0)
            return oldest, 0
        return oldest, longest if self._memory.share(source.index, oldest.index, longest) else 0
