"""How fast memory is read: measured a few times, then remembered for this machine alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from offgrid_tui.hardware.bandwidth import FILE, LOOKS, identity, memory_bandwidth, read_rate
from offgrid_tui.hardware.probe import probe


class Rates:
    """Gives one rate after the other."""

    def __init__(self, *rates: float) -> None:
        self.rates = list(rates)
        self.asked: list[tuple[int, int]] = []

    def __call__(self, size: int, threads: int) -> float:
        self.asked.append((size, threads))
        return self.rates[len(self.asked) - 1]


def test_the_best_of_the_first_looks_is_kept(tmp_path: Path) -> None:
    machine, rates = probe(), Rates(5e9, 20e9, 8e9, 90e9)
    found = [memory_bandwidth(tmp_path / "cache", machine, rates) for _ in range(LOOKS + 2)]
    assert found == [5e9, 20e9, 20e9, 20e9, 20e9]
    assert len(rates.asked) == LOOKS
    assert rates.asked[0][1] == max(1, machine.cpu.cores - 1)


def test_another_machine_is_measured_anew(tmp_path: Path) -> None:
    machine = probe()
    for _ in range(LOOKS):
        memory_bandwidth(tmp_path, machine, Rates(5e9))
    other = dataclasses.replace(machine, cpu=dataclasses.replace(machine.cpu, name="Another"))
    assert identity(machine, 1) != identity(other, 1) != identity(other, 2)
    assert memory_bandwidth(tmp_path, other, Rates(7e9)) == 7e9


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"machine": "x"}', '{"machine": 1, "bytes_per_second": -1}', "[" * 100_000, "\xff\x00"],
)
def test_a_broken_memory_of_it_is_measured_over(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "latin-1")
    assert memory_bandwidth(tmp_path, probe(), Rates(5e9)) == 5e9


def test_nothing_is_raised_where_nothing_can_be_measured(tmp_path: Path) -> None:
    def fails(size: int, threads: int) -> float:
        raise OSError("no C library")

    assert memory_bandwidth(tmp_path, probe(), fails) is None
    (tmp_path / "file").write_text("")
    assert memory_bandwidth(tmp_path / "file" / "below", probe(), Rates(5e9)) == 5e9  # it can't be kept there
    memory = dataclasses.replace(probe().memory, available=100 * 2**20)
    assert memory_bandwidth(tmp_path, dataclasses.replace(probe(), memory=memory), Rates(5e9)) is None


def test_a_real_rate(tmp_path: Path) -> None:
    assert 1e8 < read_rate(32 * 2**20, 2) < 1e13
