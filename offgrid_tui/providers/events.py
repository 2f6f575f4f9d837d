"""What happened to generations, whoever asked for them: a chat, an agent, a benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from offgrid_tui.engine.contract import Done, Generate
from offgrid_tui.engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    """A provider was asked. `running` counts the generations in work, this one included."""

    request: Generate
    provider: str
    running: int


@dataclass(frozen=True, slots=True)
class GenerationEnded:
    """A generation ended: with its figures (`done`), or with what went wrong (`error`; code CANCELLED where somebody
    stopped it). `running` counts those that are left."""

    request: Generate
    provider: str
    running: int
    done: Done | None = None
    error: EngineError | None = None
