"""Workers that the tests of one file share: a worker takes any number of requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.worker import WorkerProcess, worker


@pytest.fixture(scope="module")
def random_worker(random_model: Path) -> Iterator[WorkerProcess]:
    with worker(random_model) as process:
        yield process
