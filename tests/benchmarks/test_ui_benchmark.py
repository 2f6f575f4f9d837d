"""The workstation's benchmarks in a real terminal, on tiny models."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import psutil
import pytest

from benchmarks import screen
from benchmarks.models import RECITED
from benchmarks.report import Report
from benchmarks.session import workstation
from benchmarks.ui.__main__ import rest, smoothness
from tests.support.engine import engine_python
from tools.models.reciter import reciter_model

OFFGRID = [sys.executable, "-m", "offgrid_tui"]


async def test_the_screen_shows_what_is_stored_and_the_recording_tells_its_speed(tmp_path: Path) -> None:
    model = reciter_model(tmp_path / "reciter.gguf", RECITED, layers=8, width=512)
    async with workstation(engine_python(), model, OFFGRID, columns=120, rows=36) as session:
        check = await screen.check(session)
        process = psutil.Process(session.terminal.process.pid)

    assert check.as_stored
    assert check.painted_tps > 0 and check.shown_tps > 0
    assert 0 < check.ttft_ms <= check.first_ms  # nothing is painted before the engine said it
    assert not process.is_running()


async def test_figures_that_are_not_there_are_told() -> None:
    with pytest.raises(RuntimeError, match="no figures"):
        screen.shown(["OffGrid", "an answer without figures"])


async def test_the_workstation_is_measured(random_model: Path) -> None:
    report = Report("tiny")
    arguments = Namespace(python=engine_python(), model=random_model, rounds=1, idle=0.5, tokens=16, longest=120.0)

    await rest(report, arguments)
    await smoothness(report, arguments)

    sections = json.loads(report.as_json())["sections"]
    rows = {row["name"]: row for name in sections for row in sections[name]}
    assert rows["first frame in a terminal"]["ours"]["median"] <= rows["ready to be typed in"]["ours"]["median"]
    assert rows["p99 while a model answers at full speed"]["ours"]["median"] >= 0
    assert rows["worker, model loaded"]["ours"]["median"] > 0
    assert rows["p99 while a model answers at full speed"]["goal"] == "< 16"
