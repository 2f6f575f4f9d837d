"""What a check looks at, and what it finds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from offgrid_tui.hardware.model import Hardware
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


class Level(StrEnum):
    """How a check ended; the value is the word on screen and in JSON."""

    OK = "ok"
    WARN = "warn"  # it works, less well
    FAIL = "fail"  # something will not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `mend` says what to do; it is there whenever the level is not ok."""

    name: str
    level: Level
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Size in characters."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Subject:
    """What is examined. `terminal` is None where the output is no terminal. `root` holds proc and sys."""

    paths: Paths
    settings: Settings
    terminal: Terminal | None
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = Path("/")

    @cached_property
    def hardware(self) -> Hardware:
        return probe(self.root)


Check = Callable[[Subject], list[Finding]]


def ok(name: str, text: str) -> list[Finding]:
    return [Finding(name, Level.OK, text)]


def warn(name: str, text: str, mend: str) -> list[Finding]:
    return [Finding(name, Level.WARN, text, mend)]


def fail(name: str, text: str, mend: str) -> list[Finding]:
    return [Finding(name, Level.FAIL, text, mend)]
