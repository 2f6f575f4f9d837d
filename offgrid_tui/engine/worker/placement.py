"""Which slot an answer gets: the one whose cache already holds the longest beginning of its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.slot import Slot, common_prefix

if TYPE_CHECKING:  # as in job.py
    from offgrid_tui.engine.worker.llama import Memory
    from offgrid_tui.engine.worker.parking import Parking

_LOSABLE = 64  # tokens at the end of another conversation that may be thrown away rather than kept in the way
_GROWTH = 32  # tokens by which each running answer is expected to grow soon
_PARK_AFTER_US = 3_000_000  # idle for so long while others run
_PARK_TOKENS = 64  # fewer are not worth the copying
_IN_THE_WAY = (
    256  # cells by which llama.cpp's attention grows: fewer of them free nothing, and the copying holds up all
)


class Placement:
    """Keeps `slots` and the cache behind them in step."""

    def __init__(self, memory: Memory, parking: Parking, slots: Sequence[Slot], cells: int) -> None:
        self._memory = memory
        self._parking = parking
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
        target, filled = self._choose(job, idle, prefix, limit)
        target.job, target.tokens, target.filled = job, job.tokens, filled
        target.used, target.cache_key = step, job.request.cache_key
        target.borrowed = min(borrowed, filled)
        return target

    def evict(self) -> bool:
        """Make room: take the idle conversation that was used longest ago out of the cache. False: there is none."""
        idle = [slot for slot in self._slots if slot.job is None and slot.filled]
        if not idle:
            return False
        self._put_away(min(idle, key=lambda slot: slot.used))
        return True

    def park(self, now: int) -> None:
        """Take the conversation out of the cache that was idle for longest, where the answers that run share little of
        it. One at a time: they wait for it."""
        away = min((slot for slot in self._slots if self._is_in_the_way(slot, now)), key=_idle_since, default=None)
        if away is None:
            return
        self._put_away(away)
        running = [slot for slot in self._slots if slot.job]
        if len(running) == 1 and not self._parking.move(running[0], self._memory):  # several may share cells
            running[0].filled = 0

    def _is_in_the_way(self, slot: Slot, now: int) -> bool:
        if slot.job or slot.filled < _PARK_TOKENS or now - slot.idle_since < _PARK_AFTER_US:
            return False
        running = [slot for slot in self._slots if slot.job]
        shared = max((common_prefix(slot.tokens, other.tokens, other.filled) for other in running), default=0)
        return slot.filled - shared >= _IN_THE_WAY

    def resynchronise(self, slot: Slot) -> None:
        """After an aborted batch: find out how much of it the cache holds, and leave at least one token to decode."""
        held = self._memory.length(slot.index)
        wanted = min(held, len(slot.tokens) - 1)
        if not self._memory.trimmable or held < slot.filled:
            wanted = 0  # the state may be half of two steps
        if wanted != held or wanted == 0:
            wanted = wanted if self._memory.trim(slot.index, wanted) else 0
        slot.filled = wanted

    def _put_away(self, slot: Slot) -> None:
        """Empty the slot; what is worth it is kept elsewhere."""
        if slot.filled >= _PARK_TOKENS:
            self._parking.put(slot)
        self._memory.trim(slot.index, 0)
        slot.empty()

    def _fits(self, needed: int, running: Sequence[Slot]) -> bool:
        used = sum(slot.own + _GROWTH for slot in running)
        return used + needed + _GROWTH <= self._cells

    def _choose(self, job: Job, idle: Sequence[Slot], prefix: dict[int, int], limit: int) -> tuple[Slot, int]:
        """An idle slot, and how many tokens of the prompt its cache then holds."""
        trimmable = self._memory.trimmable
        # What cannot be trimmed can only be continued as a whole, and never be shared.
        usable = self._slots if trimmable else [slot for slot in idle if prefix[slot.index] == slot.filled]
        source = max(usable, key=lambda slot: (prefix[slot.index], slot.job is None), default=None)
        length = prefix[source.index] if source else 0
        oldest = min(idle, key=lambda slot: (slot.filled > 0, slot.used))
        parked, parked_length = self._parking.best(job.tokens, limit, whole=not trimmable)
        if parked and parked_length > length + _LOSABLE:
            self._put_away(oldest)
            while not (taken := self._parking.take(parked, oldest)) and self.evict():
                pass
            if taken:
                return oldest, parked_length if self._keep(oldest, parked_length, len(parked.tokens)) else 0
            length = min(length, source.filled) if source else 0  # making room may have emptied it
        if source is None or length == 0:
            self._put_away(oldest)
            return oldest, 0
        if source.job is None:
            lost = source.filled - length
            same = source.cache_key is not None and source.cache_key == job.request.cache_key
            if same or source is oldest or lost <= _LOSABLE:
                return source, length if self._keep(source, length, source.filled) else 0
        self._put_away(oldest)
        return oldest, length if self._memory.share(source.index, oldest.index, length) else 0

    def _keep(self, slot: Slot, length: int, held: int) -> bool:
        """Keep the first `length` of `held` tokens. False: none could be kept."""
        return length == held or self._memory.trim(slot.index, length)


def _idle_since(slot: Slot) -> int:
    return slot.idle_since
