"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from tests.support import models


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Paths]:
    """A home of its own, with a runtime folder of its own. Children of the test inherit it."""
    for name in [n for n in os.environ if n.startswith("OFFGRID_")]:
        monkeypatch.delenv(name)
    runtime = Path(tempfile.mkdtemp(prefix="og-"))  # short: a Unix socket's name holds 107 bytes
    runtime.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("OFFGRID_HOME", str(tmp_path / "home"))
    yield Paths.from_environment()
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose answers depend on the prompt; see tests/support/models.py."""
    return models.random_model(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="session")
def reciter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers `models.RECITATION`, whatever it is asked."""
    return models.reciter_model(tmp_path_factory.mktemp("reciter"))
