"""The budget and the four levels."""

from __future__ import annotations

import dataclasses

import pytest

from offgrid_tui.fit.budget import budget, verdict
from offgrid_tui.fit.model import WORDS, Budget, Level
from offgrid_tui.hardware.model import Hardware, Memory
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import MemorySettings

GIB = 2**30


def machine(total: int, available: int, limit: int | None = None) -> Hardware:
    memory = Memory(total, available, 0, 0, limit, None if limit is None else limit - available)
    return dataclasses.replace(probe(), memory=memory)


def test_the_budget_is_a_share_of_the_memory() -> None:
    found = budget(machine(16 * GIB, 15 * GIB), MemorySettings(budget=0.6, reserve=0.5))
    assert found == Budget(total=16 * GIB, share=int(9.6 * GIB), available=int(14.5 * GIB))
    assert found.limit == int(9.6 * GIB)


def test_a_cgroup_is_a_smaller_machine() -> None:
    found = budget(machine(64 * GIB, 7 * GIB, limit=8 * GIB), MemorySettings(budget=0.5, reserve=0.0))
    assert (found.total, found.share) == (8 * GIB, 4 * GIB)


def test_what_others_use_and_the_reserve_are_not_ours() -> None:
    found = budget(machine(16 * GIB, 3 * GIB), MemorySettings(budget=0.6, reserve=1.0))
    assert found.limit == 2 * GIB
    assert budget(machine(16 * GIB, GIB // 2), MemorySettings(reserve=1.0)).limit == 0


@pytest.mark.parametrize(
    "needs, level",
    [(1, Level.SAFE), (50, Level.SAFE), (51, Level.TIGHT), (60, Level.TIGHT), (61, Level.OVER), (90, Level.OVER)],
)
def test_the_levels_below_what_can_be_had(needs: int, level: Level) -> None:
    found = verdict(needs, Budget(total=100, share=60, available=90))
    assert (found.level, found.needs, found.limit) == (level, needs, 60)
    assert bool(found.reason) is (level is not Level.SAFE)


def test_more_than_can_be_had_is_blocked() -> None:
    found = verdict(9 * 10**9, Budget(total=16 * 10**9, share=9_600_000_000, available=8 * 10**9))
    assert found.level is Level.BLOCKED
    assert found.reason == "needs 9.0 GB, 8.0 GB can be had now"


def test_models_share_the_budget() -> None:
    plenty = Budget(total=100, share=60, available=100)
    assert verdict(30, plenty).level is Level.SAFE
    assert verdict(30, plenty, reserved=20).level is Level.SAFE
    assert verdict(30, plenty, reserved=21).level is Level.TIGHT
    assert verdict(30, plenty, reserved=40).level is Level.OVER


def test_what_was_promised_and_not_yet_taken_is_gone_too() -> None:
    little = Budget(total=100, share=100, available=40)
    assert verdict(30, little, reserved=20).level is Level.BLOCKED
    assert verdict(30, little, reserved=20, resident=20).level is Level.SAFE  # the kernel does not count it any more


def test_every_level_has_its_own_shape_and_word() -> None:
    assert set(WORDS) == set(Level)
    for field in ("mark", "ascii", "word", "meaning"):
        assert len({getattr(words, field) for words in WORDS.values()}) == 4
    assert [level.value for level in Level] == ["safe", "warning", "critical", "blocked"]
    assert all(words.ascii.isascii() and len(words.ascii) == 1 for words in WORDS.values())
