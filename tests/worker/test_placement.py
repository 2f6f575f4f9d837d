"""Which idle conversations leave the cache, by hand: no test waits for their time to come."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, cast

import pytest

from offgrid_tui.engine.contract import Generate
from offgrid_tui.engine.worker.job import Job
from offgrid_tui.engine.worker.placement import Placement
from offgrid_tui.engine.worker.slot import Slot, common_prefix

if TYPE_CHECKING:
    from offgrid_tui.engine.worker.llama import Memory
    from offgrid_tui.engine.worker.parking import Parking


class Recorder:
    """Stands where the cache and the parking stand, and notes which slots were emptied."""

    trimmable = True

    def __init__(self) -> None:
        self.emptied: list[int] = []
        self.parked: list[int] = []
        self.moved: list[int] = []

    def trim(self, sequence: int, length: int) -> bool:
        assert length == 0
        self.emptied.append(sequence)
        return True

    def move(self, slot: Slot, memory: Memory) -> bool:
        self.moved.append(slot.index)
        return True

    def put(self, slot: Slot) -> bool:
        self.parked.append(slot.index)
        return True


def slot(index: int, tokens: array[int], *, running: bool = False, idle_since: int = 0) -> Slot:
    job = Job(Generate("id", "m", ()), received=0) if running else None
    return Slot(index, job, tokens, filled=len(tokens), idle_since=idle_since)


def test_only_what_is_long_old_and_unshared_leaves_the_cache() -> None:
    recorder = Recorder()
    shared = array("i", range(1000))
    slots = [
        slot(0, shared[:600], running=True),
        slot(1, shared + array("i", [7] * 100), idle_since=1),  # the answer that runs begins as this does, but for 500
        slot(2, shared[:800]),  # only 200 tokens are its own
        slot(3, array("i", [1] * 50)),  # short
        slot(4, array("i", [2] * 400), idle_since=4_000_000),  # used just now
        slot(5, array("i", [3] * 400)),
    ]
    placement = Placement(cast("Memory", recorder), cast("Parking", recorder), slots, 4096)
    for parked in ([5], [5, 1], [5, 1]):  # one at a time, the one that was idle for longest first
        placement.park(now=5_000_000)
        assert recorder.parked == recorder.emptied == parked
    assert recorder.moved == [0, 0]
    assert [s.filled for s in slots] == [600, 0, 800, 50, 400, 0]


@pytest.mark.parametrize(
    ("first", "second", "length"), [([], [], 0), ([1], [1], 1), ([1, 2, 3], [1, 2, 4, 5], 2), ([1], [2], 0)]
)
def test_common_prefix(first: list[int], second: list[int], length: int) -> None:
    assert common_prefix(array("i", first), array("i", second), 100) == length
    assert common_prefix(array("i", first), array("i", second), 0) == 0
