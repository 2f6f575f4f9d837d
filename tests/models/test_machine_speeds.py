"""Measured speeds come first, and correct what is estimated of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.speed import EFFICIENCY
from offgrid_tui.models import speeds
from offgrid_tui.models.speeds import MachineSpeeds
from offgrid_tui.settings.schema import Settings

BANDWIDTH = 20e9


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "memory_bandwidth", lambda cache, hardware: BANDWIDTH)
    monkeypatch.setattr(speeds, "_FRESH", 0.0)


def test_what_was_measured_is_said_to_be(tmp_path: Path) -> None:
    machine = MachineSpeeds(tmp_path, FitService(Settings()), lambda: {"/m/one.gguf": 12.5})
    one = machine(Path("/m/one.gguf"), 4_000_000_000, None)
    other = machine(Path("/m/other.gguf"), 4_000_000_000, None)
    assert one is not None and (one.tokens, one.measured) == (12.5, True)
    assert other is not None and not other.measured
    assert machine(None, None, None) is None


def test_a_measured_model_corrects_the_others_and_a_tiny_one_does_not(tmp_path: Path) -> None:
    told: dict[str, float] = {}
    machine = MachineSpeeds(tmp_path, FitService(Settings()), lambda: told)
    size = 4_000_000_000

    def estimate() -> float:
        found = machine(Path("/m/other.gguf"), size, None)
        assert found is not None and not found.measured
        return found.tokens

    before = estimate()
    assert before == pytest.approx(BANDWIDTH * EFFICIENCY / size, rel=0.02)
    machine(Path("/m/tiny.gguf"), 6_000_000, None)
    told["/m/tiny.gguf"] = 500.0
    machine(Path("/m/tiny.gguf"), 6_000_000, None)
    assert estimate() == before
    told["/m/one.gguf"] = before / 2
    machine(Path("/m/one.gguf"), size, None)
    assert estimate() == pytest.approx(before / 2, rel=0.02)
