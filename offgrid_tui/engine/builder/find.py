"""Which Python runs llama.cpp: the one that the settings name, our own, or an engine that OffGrid built."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from offgrid_tui.engine.builder.recipe import MODULE
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths

_LIBRARIES = {"cuda": "cuda", "hip": "rocm", "vulkan": "vulkan", "metal": "metal"}  # as ggml names them
MANIFEST = "engine.json"  # in the folder of an engine that was built whole; written last


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An interpreter with llama.cpp. What is not known without starting it is empty."""

    python: str
    origin: Literal["settings", "own", "built"]
    version: str = ""
    backend: str = ""
    flags: str = ""
    system_info: str = ""
    wheel_sha256: str = ""
    built_at: float | None = None  # Unix seconds

    @property
    def on_gpu(self) -> bool:
        """It was built to compute on a GPU."""
        return self.backend not in ("", "cpu")

    @property
    def folder(self) -> Path:
        """Of an engine that was built: its environment."""
        return Path(self.python).parent.parent


def find_engine(paths: Paths, settings: Settings) -> EngineInfo | None:
    """The engine to use; None where there is none. Looks at files only: no process is started, nothing imported."""
    if settings.engine.python:
        python = shutil.which(str(Path(settings.engine.python).expanduser())) or settings.engine.python
        packages = Path(python).parent.parent.glob(f"lib/python3*/site-packages/{MODULE}")
        return EngineInfo(python, "settings", backend=_backend(next(packages, None)))
    spec = importlib.util.find_spec(MODULE)
    if spec is not None and spec.origin is not None:
        return EngineInfo(sys.executable, "own", _own_version(), _backend(Path(spec.origin).parent))
    return max(built_engines(paths), key=lambda engine: engine.built_at or 0.0, default=None)


def uses_gpu(paths: Paths, settings: Settings) -> bool:
    """Whether the engine to use, if there is one, can put layers on a GPU."""
    engine = find_engine(paths, settings)
    return engine is not None and engine.on_gpu


def built_engines(paths: Paths) -> list[EngineInfo]:
    """The engines that were built whole and can still be started."""
    found = []
    for manifest in paths.engines.glob(f"*/{MANIFEST}"):
        try:
            fields = json.loads(manifest.read_bytes())
            engine = EngineInfo(**{**fields, "python": str(manifest.parent / "bin/python"), "origin": "built"})
        except (OSError, ValueError, TypeError):
            continue  # not one of ours, or of another version's making
        if Path(engine.python).exists():
            found.append(engine)
    return found


def manifest_text(engine: EngineInfo) -> str:
    return json.dumps(asdict(engine), indent=2) + "\n"


def _backend(package: Path | None) -> str:
    """What a llama_cpp computes with, by the libraries that lie beside it; empty where that is not known."""
    if package is None or not package.is_dir():
        return ""
    for library, backend in _LIBRARIES.items():
        if any(package.glob(f"lib/libggml-{library}.*")):
            return backend
    return "cpu"


def _own_version() -> str:
    from importlib import metadata  # 15 ms, and only the host needs it

    try:
        return metadata.version("llama_cpp_python")
    except metadata.PackageNotFoundError:
        return ""
