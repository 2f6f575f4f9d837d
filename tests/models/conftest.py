"""A desk for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offgrid_tui.system.paths import Paths
from tests.models.models_desk import Desk


@pytest.fixture
async def desk(home: Paths, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(home, tmp_path / "files")
    yield desk
    await desk.close()
