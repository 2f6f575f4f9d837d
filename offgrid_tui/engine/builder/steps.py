"""The build, step by step. Each step looks first whether an earlier, interrupted build has done it already."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.builder.checks import JOB_MEMORY, ready_wheel
from offgrid_tui.engine.builder.commands import Commands
from offgrid_tui.engine.builder.errors import build_error
from offgrid_tui.engine.builder.find import MANIFEST, EngineInfo, manifest_text
from offgrid_tui.engine.builder.places import Places
from offgrid_tui.engine.builder.recipe import BUILD_TOOLS, DISTRIBUTION, REQUIREMENT, SOURCE_SHA256, VERSION, Backend
from offgrid_tui.hardware.probe import probe
from offgrid_tui.system.durable import atomic_write

_SMOKE = """
import json, llama_cpp
llama_cpp.llama_backend_init()
print(json.dumps({
    "version": llama_cpp.__version__,
    "system_info": llama_cpp.llama_print_system_info().decode(),
    "gpu": bool(llama_cpp.llama_supports_gpu_offload()),
}))
"""


@dataclass(frozen=True, slots=True)
class Build:
    """One build of `backend`, from the registry or (`wheels`) from a folder without any network."""

    places: Places
    backend: Backend
    wheels: Path | None
    commands: Commands
    on_step: Callable[[str], None]  # told what is done now

    def run(self) -> EngineInfo:
        """Make the engine.

        Raises:
            EngineError: a step failed; what was done before is kept for the next attempt.
        """
        wheel = None if self.wheels is None else ready_wheel(self.wheels)
        if wheel is None:
            self._make_tools()
            self._fetch_source()
            wheel = self._compile()
            self._collect(wheel)
        engine = self._install(wheel)
        shutil.rmtree(self.places.work(self.backend.name), ignore_errors=True)
        return engine

    # ── what it is made of ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _work(self) -> Path:
        return self.places.work(self.backend.name)

    @property
    def _tools_python(self) -> Path:
        return self._work / "tools/bin/python"

    @property
    def _from(self) -> list[str | Path]:
        """Where pip may take packages from."""
        return [] if self.wheels is None else ["--isolated", "--no-index", "--find-links", self.wheels]

    def _pip(self, step: str, python: Path, *arguments: str | Path, **env: str) -> None:
        self.on_step(step)
        self.commands.run(
            step, [python, "-m", "pip", *arguments], {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **env}
        )

    def _make_environment(self, step: str, folder: Path) -> None:
        self.on_step(step)
        self.commands.run(step, [sys.executable, "-m", "venv", "--clear", folder])

    # ── compiling ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _make_tools(self) -> None:
        """The build's own tools at a fixed place: in pip's isolated build they would lie in a new folder each time,
        and an interrupted build would begin anew."""
        done = self._work / "tools/complete"
        if not done.exists():
            self._make_environment("preparing the tools", self._work / "tools")
            self._pip("fetching the build tools", self._tools_python, "install", *self._from, *BUILD_TOOLS)
            done.touch()

    def _fetch_source(self) -> None:
        source = self._work / "source"
        if source.exists():
            return
        folder = self._work / "download"
        arguments = ("--no-deps", "--no-build-isolation", "--no-binary", DISTRIBUTION, "--dest", folder)
        self._pip("fetching the sources", self._tools_python, "download", *self._from, *arguments, REQUIREMENT)
        archive = next(folder.glob("*.tar.gz"))
        self.on_step("unpacking the sources")
        if (found := sha256(archive)) != SOURCE_SHA256:
            archive.unlink()
            raise build_error(
                "The sources of the engine are not the expected ones",
                f"SHA-256 {found} instead of {SOURCE_SHA256}.",
                "Do not use this registry or folder; take another one.",
            )
        unpacked = self._work / "unpacking"
        shutil.rmtree(unpacked, ignore_errors=True)
        with tarfile.open(archive) as tar:
            # Not by the argument `filter`, which came with Python 3.11.4: Debian 12 has 3.11.2.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(unpacked)
        next(unpacked.iterdir()).rename(source)

    def _compile(self) -> Path:
        self._pip(
            "compiling",
            self._tools_python,
            "wheel",
            "--verbose",
            "--no-deps",
            "--no-build-isolation",
            f"--config-settings=build-dir={self._work / 'objects'}",
            "--wheel-dir",
            self._work / "wheel",
            self._work / "source",
            PATH=f"{self._work / 'tools/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            CMAKE_ARGS=self.backend.cmake_args,
            CMAKE_BUILD_PARALLEL_LEVEL=str(parallel_compilers()),
        )
        wheel = ready_wheel(self._work / "wheel")
        assert wheel is not None, "pip made the wheel or failed"
        return wheel

    def _collect(self, wheel: Path) -> None:
        """Keep the wheel and those it needs together: a folder that another machine can install from."""
        self.places.wheels.mkdir(parents=True, exist_ok=True)
        self._pip(
            "fetching what it needs",
            self._tools_python,
            "download",
            *self._from,
            "--only-binary=:all:",
            "--dest",
            self.places.wheels,
            wheel,
        )
        kept = sorted(self.places.wheels.glob("*.whl"))
        sums = "".join(f"{sha256(path)}  {path.name}\n" for path in kept)
        atomic_write(self.places.wheels / "SHA256SUMS", sums)

    # ── installing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _install(self, wheel: Path) -> EngineInfo:
        folder = self.places.environment(self.backend.name)
        (folder / MANIFEST).unlink(missing_ok=True)  # from here until the end it is no engine
        self._make_environment("making the environment", folder)
        python = folder / "bin/python"
        source = wheel.parent if self.wheels is not None else self.places.wheels
        self._pip(
            "installing", python, "install", "--isolated", "--no-index", "--find-links", source, "--no-compile", wheel
        )
        self.on_step("trying it out")
        facts = json.loads(self.commands.run("trying it out", [python, "-c", _SMOKE])[-1])
        if facts["version"] != VERSION:
            raise build_error("Another version of the engine was installed", f"{facts['version']}, not {VERSION}.")
        if self.backend.name != "cpu" and not facts["gpu"]:
            raise build_error(
                f"The engine was built without {self.backend.label}", mend="Check its driver and development files."
            )
        engine = EngineInfo(
            str(python),
            "built",
            facts["version"],
            self.backend.name,
            self.backend.cmake_args if self.wheels is None else "",
            facts["system_info"].strip(),
            sha256(wheel),
            time.time(),
        )
        atomic_write(folder / MANIFEST, manifest_text(engine))
        return engine


def parallel_compilers() -> int:
    """As many as there are cores and memory for."""
    machine = probe()
    return max(1, min(machine.cpu.threads, int(machine.memory.available // JOB_MEMORY)))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
