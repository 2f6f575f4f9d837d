"""What happened to the engine itself, for whoever shows it: the frame, `offgrid ask`, `offgrid engine build`."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.engine.builder.find import EngineInfo
from offgrid_tui.engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class EngineBuildProgressed:
    """The engine is being built, by this program or by another one. `done` of `total` compile steps ("engine 43/193");
    both are 0 while a step has none to count."""

    step: str  # what is done now, in words: "compiling", "installing"
    done: int
    total: int
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class EngineBuilt:
    """There is an engine now."""

    engine: EngineInfo


@dataclass(frozen=True, slots=True)
class EngineBuildFailed:
    """There is none; the error says what is missing."""

    error: EngineError
