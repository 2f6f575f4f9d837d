"""Series, turns, goals and reports: the arithmetic that every benchmark stands on."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time

import psutil
import pytest

from benchmarks import busy, command
from benchmarks.measure import Measured, Series, percentile, take_turns
from benchmarks.others import Others, _own_cpu
from benchmarks.report import Goal, Report, Row


async def test_contestants_take_turns_and_the_first_one_changes() -> None:
    order: list[str] = []

    def contestant(name: str, speed: float):  # type: ignore[no-untyped-def]
        async def run(turn: int) -> Measured:
            order.append(f"{name}{turn}")
            return {"tps": speed * (turn + 1)}

        return run

    results = await take_turns(3, {"a": contestant("a", 1), "b": contestant("b", 2)})

    # More rounds may follow where others used the machine meanwhile; three count.
    assert order[:6] == ["a0", "b0", "b1", "a1", "a2", "b2"]
    assert results["a"]["tps"].over(results["b"]["tps"]).values == (0.5, 0.5, 0.5)


async def test_the_calmest_rounds_count(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbed = iter([0.9, 0.0, 0.5, 0.1, 0.05])
    monkeypatch.setattr(Others, "cores", lambda self: next(disturbed))

    async def run(turn: int) -> Measured:
        return {"turn": float(turn)}

    turns = await take_turns(3, {"only": run})

    assert sorted(turns["only"]["turn"].values) == [1.0, 3.0, 4.0]
    assert turns.others.most == 0.1


def test_what_a_child_uses_counts_as_ours_while_it_runs_and_afterwards() -> None:
    before, children = _own_cpu(), set(psutil.Process().children())
    with busy.busy_core(limit=120):
        (child,) = set(psutil.Process().children()) - children
        while child.cpu_times().user < 0.3:
            time.sleep(0.01)
        assert _own_cpu() - before >= 0.2
    assert _own_cpu() - before >= 0.2


def test_a_ratio_is_taken_round_by_round() -> None:
    row = Row("decode", "t/s", Series((10.0, 40.0, 30.0)), Series((20.0, 40.0, 10.0)), "peer", Goal("at least", 0.98))

    assert row.ratio is not None
    assert (row.ratio.least, row.ratio.median, row.ratio.most) == (0.5, 1.0, 3.0)
    assert row.met is True


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("at least", 0.98), 0.98, True),
        (Goal("at least", 0.98), 0.97, False),
        (Goal("below", 16), 16.0, False),
        (Goal("below", 16), 15.9, True),
        (Goal("one within", 0.05), 0.96, True),
        (Goal("one within", 0.05), 1.06, False),
    ],
)
def test_a_goal_is_met_or_not(goal: Goal, value: float, met: bool) -> None:
    assert goal.met(value) is met


def test_a_report_says_plainly_what_falls_short() -> None:
    report = Report("Speed")
    report.add("idle", Row("decode", "t/s", Series((9.0,)), Series((10.0,)), "llama-bench", Goal("at least", 0.98)))
    report.add("idle", Row("first frame", "ms", Series((120.0, 100.0)), goal=Goal("below", 150)))

    text, data = report.as_text(), json.loads(report.as_json())

    assert "NOT MET" in text and "falls short: idle: decode 0.90, goal ≥ 0.98" in text
    assert data["short"] == ["idle: decode 0.90, goal ≥ 0.98"]
    decode, frame = data["sections"]["idle"]
    assert decode["ratio"] == {"min": 0.9, "median": 0.9, "max": 0.9, "values": [0.9]}
    assert frame["ratio"] is None and frame["ours"]["median"] == 110.0 and frame["met"] is True


def test_columns_of_a_report_stand_under_one_another() -> None:
    report = Report("Speed")
    report.add("a", Row("x", "t/s", Series((1.0,))), Row("a longer name", "ms", Series((1234.0,))))

    lines = report.as_text().splitlines()

    ends = {line.index(number) + len(number) for line in lines for number in ("1.00", "1234") if number in line}
    assert len(ends) == 1


def test_a_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile(list(map(float, range(100))), 0.5) == 50.0


def test_the_busy_process_ends_with_the_block() -> None:
    before = set(psutil.Process().children())
    with pytest.raises(KeyError), busy.busy_core(limit=60):
        (child,) = set(psutil.Process().children()) - before
        raise KeyError
    assert not child.is_running()


def test_a_busy_process_that_ended_too_early_is_told() -> None:
    before = set(psutil.Process().children())
    with pytest.raises(RuntimeError, match="before the measurement"), busy.busy_core(limit=0.0):
        (child,) = set(psutil.Process().children()) - before
        child.wait(60)


def test_what_is_cut_short_is_printed_as_far_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    async def measure(report: Report) -> None:
        report.add("idle", Row("decode", "t/s", Series((9.0,))))
        await asyncio.sleep(3600)

    before = signal.getsignal(signal.SIGTERM)
    try:
        code = command.run("Speed", measure, argparse.Namespace(limit=0.01, json=True))
    finally:
        signal.signal(signal.SIGTERM, before)

    printed = json.loads(capsys.readouterr().out)
    assert code == 1 and printed["notes"] == ["cut short after 0 s"]
    assert printed["sections"]["idle"][0]["name"] == "decode"
