"""A home of its own for a benchmark: nothing of the user's is read, changed or left running."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.build import find_engine
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

MADE_BY_MAKE = Path(__file__).parents[1] / "build" / "engine-home"


def engine_python(given: str | None = None) -> str:
    """The interpreter whose llama_cpp is measured: the one given, this one, or the one that `make engine` built.

    Raises:
        SystemExit: there is none.
    """
    if given:
        return given
    environment = {"OFFGRID_HOME": str(MADE_BY_MAKE)}
    paths = Paths.from_environment(environment)
    engine = find_engine(paths, load_settings(paths, environment))
    if engine is None:
        raise SystemExit("no engine to measure: `make engine` builds one, or give --python")
    return engine.python


@dataclass(frozen=True, slots=True)
class Home:
    paths: Paths
    settings: Settings
    environment: Mapping[str, str]  # for programs that are to use this home


@asynccontextmanager
async def bench_home(python: str, **settings: str) -> AsyncIterator[Home]:
    """An empty home whose engine is `python`. Its engine host is ended with the block.

    Args:
        settings: further settings as their environment variables have them, without the prefix: chat_max_tokens="64".
    """
    root = Path(tempfile.mkdtemp(prefix="ogb-"))  # short: a Unix socket's name holds 107 bytes
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFGRID_")}
    environment |= {"OFFGRID_HOME": str(root / "home"), "XDG_RUNTIME_DIR": str(root), "OFFGRID_ENGINE_PYTHON": python}
    environment |= {f"OFFGRID_{name.upper()}": value for name, value in settings.items()}
    before = dict(os.environ)
    # The host is started by this process and takes its settings from the environment.
    os.environ.clear()
    os.environ.update(environment)
    paths = Paths.from_environment(environment)
    home = Home(paths, load_settings(paths, environment), environment)
    try:
        yield home
    finally:
        client = EngineClient(paths, home.settings)
        await client.stop_host()
        await client.close()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(root, ignore_errors=True)
