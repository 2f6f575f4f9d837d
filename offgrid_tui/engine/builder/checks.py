"""Looks before anything is fetched whether a build can succeed, and names what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from offgrid_tui.engine.builder.errors import build_error
from offgrid_tui.engine.builder.recipe import DISTRIBUTION, VERSION, Backend
from offgrid_tui.foundation.units import bytes_text

COMPILE_SPACE = 1_000 * 10**6  # bytes: sources (0.3 GB), tools, object files, and half of all that in reserve
INSTALL_SPACE = 300 * 10**6  # bytes: the environment (0.15 GB), and as much again
JOB_MEMORY = 1.2 * 2**30  # bytes that one compiler takes at its worst
_COMPILERS = ("c++", "g++", "clang++")


def ready_wheel(folder: Path) -> Path | None:
    """The compiled engine of the pinned version in a folder of wheels; None where it has none."""
    name = DISTRIBUTION.replace("-", "_")
    return next(iter(sorted(folder.glob(f"{name}-{VERSION}-*.whl"))), None)


def check(engines: Path, backend: Backend, wheels: Path | None, env: Mapping[str, str] = os.environ) -> None:
    """Whether `backend` can be built into `engines`.

    Raises:
        EngineError: no, and what helps.
    """
    if wheels is not None and not wheels.is_dir():
        raise build_error("The folder of wheels is not there", f"{wheels} is no folder.", "Check its path.")
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise build_error("Python's venv module is missing", mend="Install it: apt install python3-venv")
    compiles = wheels is None or ready_wheel(wheels) is None
    if compiles and not _compiler(env):
        raise build_error(
            "A C++ compiler is missing",
            f"llama.cpp is compiled for {backend.label}.",
            "Install one: apt install g++",
        )
    if compiles and backend.tool and not shutil.which(backend.tool, path=env.get("PATH")):
        raise build_error(
            f"The compiler for {backend.label} is missing",
            f"There is no {backend.tool} on the PATH.",
            f"Install it: apt install {backend.package}" if backend.package else "Install Apple's command line tools.",
        )
    _check_space(engines, COMPILE_SPACE + INSTALL_SPACE if compiles else INSTALL_SPACE)


def _compiler(env: Mapping[str, str]) -> bool:
    names = (env["CXX"].split()[0],) if env.get("CXX", "").strip() else _COMPILERS
    return any(shutil.which(name, path=env.get("PATH")) for name in names)


def _check_space(folder: Path, needed: int) -> None:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise build_error(
            "There is too little disk space for the engine",
            f"{bytes_text(free)} are free at {folder}; {bytes_text(needed)} are needed.",
            "Free some space, or set OFFGRID_HOME to a larger disk.",
        )
