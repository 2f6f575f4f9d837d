"""`python -m offgrid_tui.engine.builder RUN BACKEND WHEELS CONFIG DATA STATE CACHE RUNTIME`: the process that builds.

It has a session of its own, so it outlives the terminal that started it; its stdout is the log. WHEELS may be empty.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from offgrid_tui.engine.builder.checks import check
from offgrid_tui.engine.builder.commands import Commands
from offgrid_tui.engine.builder.errors import build_error
from offgrid_tui.engine.builder.places import Places
from offgrid_tui.engine.builder.progress import BuildProgress, ProgressFile
from offgrid_tui.engine.builder.recipe import BACKENDS, Backend
from offgrid_tui.engine.builder.steps import Build
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.system.locks import FileLock
from offgrid_tui.system.paths import Paths

NICENESS = 10


class _Stopped(BaseException):
    """SIGTERM."""


def main(arguments: list[str]) -> int:
    run, backend, wheels, *places = arguments
    at = Places.of(Paths(*map(Path, places)))
    lock = FileLock(at.lock, what="the engine's build")
    if not lock.try_acquire():
        return 0  # another builder was faster: whoever started us follows that one
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, _stop)
    file = ProgressFile(at.progress, BuildProgress(run, backend, started=time.time()))
    try:
        _build(at, file, BACKENDS[backend], Path(wheels) if wheels else None)
        file.write(replace(file.now, state="built", step="built"))
        return 0
    except EngineError as error:
        _fail(file, error)
    except _Stopped:
        _end_children()
        _fail(file, build_error("The build was stopped", mend="Build again: it goes on where it stopped."))
    except OSError as error:
        _fail(file, build_error("The engine could not be built", str(error)))
    except Exception as error:  # the boundary of this process: whoever follows must learn that it ended
        logging.exception("the build failed")
        _fail(file, build_error("The engine could not be built", f"{type(error).__name__}: {error}"))
    finally:
        lock.release()
    return 1


def _build(at: Places, file: ProgressFile, backend: Backend, wheels: Path | None) -> None:
    check(at.root, backend, wheels)
    commands = Commands(
        os.environ,
        lambda done, total: file.write(replace(file.now, done=done, total=total), often=True),
        None if wheels is None else str(wheels),
    )

    def on_step(step: str) -> None:
        file.write(replace(file.now, step=step, done=0, total=0))

    Build(at, backend, wheels, commands, on_step).run()


def _fail(file: ProgressFile, error: EngineError) -> None:
    sys.stdout.write(f"\n== failed: {error}\n")
    text = {"title": error.title, "detail": error.detail, "mend": error.mend, "log_tail": list(error.log_tail)}
    file.write(replace(file.now, state="failed", error=text))


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def _end_children() -> None:
    """pip, cmake, ninja and the compilers: all of this process's own group, which it leads."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
