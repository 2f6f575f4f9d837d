"""A home with the real engine, and terminals on it; at the end of each test the engine's host is ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from tests.support.engine import ROOT, engine_python
from tests.support.models import reciter_model
from tests.tmux.terminal import Terminal

COUNTING = " ".join(str(n) for n in range(1, 1500))  # a long answer that tells how far it is


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that counts to 1499: some seconds of an answer, on a fast machine too."""
    folder = tmp_path_factory.mktemp("counter")
    return reciter_model(folder, COUNTING, name="counter", context=16384, layers=6, width=512)


@pytest.fixture
def terminal(home: Paths, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals; each has the test's home and the real engine."""
    opened: list[Terminal] = []
    env = {
        "OFFGRID_HOME": os.environ["OFFGRID_HOME"],
        "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
        "OFFGRID_ENGINE_PYTHON": engine_python(),
    }

    def open_terminal(size: tuple[int, int] = (80, 24), **more: str) -> Terminal:
        opened.append(Terminal(tmp_path, size, env | more))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()
    stop = [sys.executable, "-m", "offgrid_tui", "stop"]
    subprocess.run(stop, env={**os.environ, **env}, cwd=ROOT, capture_output=True, check=False, timeout=60)
