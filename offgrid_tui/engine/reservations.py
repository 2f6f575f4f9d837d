"""What the engine host has promised to loaded models, for whoever asks whether one more fits."""

from __future__ import annotations

from pathlib import Path

from offgrid_tui.engine.contract import StatusReport
from offgrid_tui.engine.host.memory import anonymous_memory
from offgrid_tui.fit.model import Taken


def taken_of(report: StatusReport | None, model: Path | None = None) -> Taken:
    """What the gate would reckon with if it were asked now: models at work keep what they have, idle ones give it back.

    Args:
        report: None where no host runs.
        model: the file that is asked about; where it is loaded, what it has counts as free.
    """
    reserved = resident = freeable = 0
    for worker in report.workers if report is not None else ():
        has = min(worker.reserved, anonymous_memory(worker.pid) or 0) if worker.pid is not None else 0
        if worker.running + worker.waiting and Path(worker.model) != model:
            reserved += worker.reserved
            resident += has
        else:
            freeable += has
    return Taken(reserved, resident, freeable)
