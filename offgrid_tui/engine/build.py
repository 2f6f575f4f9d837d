"""The engine's environment: found, or built by a process of its own that several programs can follow."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

from offgrid_tui.engine.builder.checks import check
from offgrid_tui.engine.builder.errors import build_error
from offgrid_tui.engine.builder.find import EngineInfo, built_engines, find_engine
from offgrid_tui.engine.builder.places import Places
from offgrid_tui.engine.builder.progress import BuildProgress, read_progress
from offgrid_tui.engine.builder.recipe import BACKENDS, REQUIREMENT
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.events import EngineBuildFailed, EngineBuildProgressed, EngineBuilt
from offgrid_tui.engine.launch import own_command
from offgrid_tui.network.policy import NetworkPolicy
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths
from offgrid_tui.system.processes import spawn_detached

__all__ = ["EngineInfo", "build_engine", "find_engine", "running_build", "stop_build"]

REGISTRY = "the package registry"
_POLL = 0.25  # seconds between two looks at the progress
_LOG_LIMIT = 8 * 2**20  # bytes; one build prints 1.6 MB

Publish = Callable[[EngineBuildProgressed | EngineBuilt | EngineBuildFailed], None]


async def build_engine(
    paths: Paths,
    settings: Settings,
    publish: Publish,
    *,
    backend: str = "cpu",
    wheels: Path | None = None,
    network: NetworkPolicy | None = None,
) -> EngineInfo:
    """Build the engine, or follow the build that another program of this home began.

    The build is a process of its own: it goes on when this task is cancelled or this program ends, and a later call
    follows it.

    Args:
        publish: told each step, and the end.
        backend: cpu, cuda, rocm, vulkan or metal.
        wheels: take everything from this folder, without a network; None: `engine.wheels`, else the registry.
        network: asked before anything is fetched.

    Raises:
        EngineError: it could not be built; the mend says what is missing.
        RefusedError: off-grid mode is on, and there is no folder of wheels.
    """
    if wheels is None and settings.engine.wheels:
        wheels = Path(settings.engine.wheels)
    if wheels is not None:
        wheels = wheels.expanduser().absolute()
    try:
        engine = await _follow_or_build(paths, settings, publish, backend, wheels, network)
    except EngineError as error:
        publish(EngineBuildFailed(error))
        raise
    publish(EngineBuilt(engine))
    return engine


async def _follow_or_build(
    paths: Paths,
    settings: Settings,
    publish: Publish,
    backend: str,
    wheels: Path | None,
    network: NetworkPolicy | None,
) -> EngineInfo:
    places = Places.of(paths)
    builder: subprocess.Popen[bytes] | None = None
    if (running := running_build(paths)) is None:
        if wheels is None:
            (network or NetworkPolicy(settings.network)).require(f"build the engine ({REQUIREMENT})", REGISTRY)
        await asyncio.to_thread(check, places.root, BACKENDS[backend], wheels)
        run = uuid.uuid4().hex
        builder = _spawn(paths, places, run, backend, wheels)
        await _begun(places, run)
    elif running.backend != backend:
        raise EngineError(
            ErrorCode.BUSY,
            f"Another engine ({running.backend}) is being built",
            mend="Wait for it (`offgrid engine build` follows it), or stop it: offgrid engine build --stop",
        )
    try:
        await _follow(places, publish)
    finally:
        if builder is not None:
            builder.poll()  # a builder that has ended is no zombie then
    built = [engine for engine in built_engines(paths) if engine.backend == backend]
    if not built:
        raise build_error("The engine that was built has gone", mend="Build it again.")
    return built[0]


def running_build(paths: Paths) -> BuildProgress | None:
    """The build that runs now, whoever began it; None where none does."""
    places = Places.of(paths)
    progress = read_progress(places.progress)
    if progress is None or progress.state != "running" or not _held(places):
        return None
    return progress


def stop_build(paths: Paths) -> bool:
    """End the build that runs. False where none does."""
    places = Places.of(paths)
    holder = FileLock(places.lock).holder()
    if holder is None or not _held(places):
        return False
    os.kill(holder, signal.SIGTERM)  # the lock names the process by its start time too: it is the builder
    return True


def _held(places: Places) -> bool:
    if not places.lock.exists():
        return False
    lock = FileLock(places.lock)
    free = lock.try_acquire()
    lock.release()
    return not free


def _spawn(paths: Paths, places: Places, run: str, backend: str, wheels: Path | None) -> subprocess.Popen[bytes]:
    places.root.mkdir(parents=True, exist_ok=True)
    if places.log.exists() and places.log.stat().st_size > _LOG_LIMIT:
        places.log.replace(places.log.with_suffix(".log.1"))
    homes = (paths.config, paths.data, paths.state, paths.cache, paths.runtime)
    words = (run, backend, str(wheels or ""), *map(str, homes))
    command = own_command(sys.executable, "offgrid_tui.engine.builder", *words)
    return spawn_detached(command, log=places.log, cwd=Path("/"), env={**os.environ, "PYTHONUNBUFFERED": "1"})


async def _begun(places: Places, run: str) -> None:
    """Wait until our builder, or one that was faster, holds the lock or has ended already."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 30
    while loop.time() < deadline:
        progress = read_progress(places.progress)
        if progress is not None and (progress.run == run or (progress.state == "running" and _held(places))):
            return
        await asyncio.sleep(0.05)
    raise build_error("The build did not start", mend=f"See {places.log}.")


async def _follow(places: Places, publish: Publish) -> None:
    """Tell each step until the build has ended.

    Raises:
        EngineError: it failed, or its process ended without a word.
    """
    shown = None
    while True:
        progress = read_progress(places.progress)
        if progress is not None and progress.state == "built":
            return
        if progress is not None and progress.state == "failed":
            raise progress.to_error()
        if not _held(places):
            again = read_progress(places.progress)
            if again is not None and again.state != "running":
                continue  # it ended between the two looks
            raise build_error("The build was interrupted", mend="Build again: it goes on where it stopped.")
        if progress is not None and progress != shown:
            shown = progress
            publish(EngineBuildProgressed(progress.step, progress.done, progress.total, progress.elapsed_s))
        await asyncio.sleep(_POLL)
