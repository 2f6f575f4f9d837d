"""A machine that is the same wherever the tests run, and stands still."""

from __future__ import annotations

import pytest

from offgrid_tui.fit.service import FitService
from offgrid_tui.hardware.model import Cpu, Hardware, Memory
from offgrid_tui.models import speeds

GIB = 2**30
MACHINE = Hardware(
    memory=Memory(16 * GIB, 12 * GIB, 0, 0, None, None),
    cpu=Cpu("A processor", "x86_64", 8, 4, 8, 4, None, ("AVX2",)),
    gpus=(),
    gpu_problem="",
    system="Linux",
    kernel="6.1",
    hostname="here",
)


@pytest.fixture(autouse=True)
def _one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "memory_bandwidth", lambda cache, hardware: 40e9)
    snapshot = FitService.snapshot
    monkeypatch.setattr(
        FitService, "snapshot", lambda self, taken=None, hardware=None: snapshot(self, taken, hardware or MACHINE)
    )
