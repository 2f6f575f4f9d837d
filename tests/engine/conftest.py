"""The real engine host with real workers, in a home of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from offgrid_tui.engine.client import EngineClient
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths
from tests.engine.bench import Bench
from tests.support import models
from tests.support.engine import engine_python, wheel_folder

WORDS = 800
LONG_TEXT = " ".join(f"w{number}" for number in range(WORDS))


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that still run (zombies don't)."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


async def eventually(fact: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `fact` holds; the deadline is for a machine that is very busy."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def processes_of(home: Paths, what: str = r"offgrid_tui.engine.(host|worker)") -> set[int]:
    """Processes of this home's engine that run: what has its runtime folder in its environment."""
    mark = os.fsencode(home.runtime.parent.parent)
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                if re.search(os.fsencode(what), command) and mark in (folder / "environ").read_bytes():
                    found.add(int(folder.name))
    return alive(found)


def workers_of(home: Paths) -> set[int]:
    return processes_of(home, r"offgrid_tui\.engine\.worker")


@pytest.fixture
def engine_home(home: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """A home with an engine. After the test nothing of it may run any longer once its host was stopped."""
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", engine_python())
    # Two threads wait for one another at every layer: on a machine whose cores are busy with other tests that makes
    # tiny models a hundred times slower.
    monkeypatch.setenv("OFFGRID_ENGINE_THREADS", "1")
    monkeypatch.setenv("OFFGRID_ENGINE_THREADS_BATCH", "1")
    yield home
    asyncio.run(_stop(home))
    assert not processes_of(home)


async def _stop(home: Paths) -> None:
    client = new_client(home)
    await client.stop_host()
    await client.close()
    await eventually(lambda: not processes_of(home), 30)


def new_client(home: Paths) -> EngineClient:
    return EngineClient(home, load_settings(home))


@pytest.fixture
async def client(engine_home: Paths) -> AsyncIterator[EngineClient]:
    client = new_client(engine_home)
    yield client
    await client.close()


@pytest.fixture(scope="session")
def long_reciter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recites LONG_TEXT, long enough for things to happen in mid-answer."""
    folder = tmp_path_factory.mktemp("long-reciter")
    return models.reciter_model(folder, LONG_TEXT, layers=2, name="long-reciter")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels with all that an engine needs."""
    return wheel_folder(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.pool.close()
