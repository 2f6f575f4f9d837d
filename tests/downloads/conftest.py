"""A hub on loopback for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hub import LoopbackHub


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with LoopbackHub() as running:
        yield running
