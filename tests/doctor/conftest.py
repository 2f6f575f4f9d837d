"""What is examined in the tests: this machine, with one thing otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offgrid_tui.doctor.model import Subject, Terminal
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from tests.support.engine import engine_python

ENV = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "en_US.UTF-8"}


@pytest.fixture
def subject(home: Paths, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Subject]:
    """A healthy subject with what is given otherwise; `env` is added to a healthy environment."""
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", engine_python())

    def make(*, env: dict[str, str] | None = None, root: Path = Path("/"), **fields: Any) -> Subject:
        healthy = Subject(home, load_settings(home), Terminal(120, 40), {**ENV, **(env or {})}, root)
        return dataclasses.replace(healthy, **fields)

    return make
