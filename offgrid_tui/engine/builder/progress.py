"""How far a build is, in a small file that every program of this home can follow."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.system.durable import atomic_write

_INTERVAL = 0.25  # seconds between two writes


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """One state of a build. `run` names the build, so that a follower does not take the end of an older one for its
    own; `error` holds title, detail, mend and the last lines of the log."""

    run: str
    backend: str
    state: Literal["running", "built", "failed"] = "running"
    step: str = "starting"
    done: int = 0
    total: int = 0
    started: float = 0.0  # Unix seconds
    error: dict[str, Any] | None = None

    @property
    def elapsed_s(self) -> float:
        return max(0.0, time.time() - self.started)

    def to_error(self) -> EngineError:
        error = self.error or {}
        return EngineError(
            ErrorCode.ENGINE_MISSING,
            str(error.get("title", "The engine could not be built")),
            detail=str(error.get("detail", "")),
            mend=str(error.get("mend", "")),
            log_tail=tuple(map(str, error.get("log_tail", ()))),
        )


def read_progress(path: Path) -> BuildProgress | None:
    """What the file says; None where there is none."""
    try:
        return BuildProgress(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


class ProgressFile:
    """Writes the states of one build; many in a row are joined."""

    def __init__(self, path: Path, first: BuildProgress) -> None:
        self._path = path
        self._written = 0.0
        self.now = first
        self.write(first)

    def write(self, progress: BuildProgress, *, often: bool = False) -> None:
        """Make `progress` the state; one of many (`often`) may stay unwritten."""
        self.now = progress
        if often and time.monotonic() - self._written < _INTERVAL:
            return
        self._written = time.monotonic()
        atomic_write(self._path, json.dumps(asdict(progress)))
