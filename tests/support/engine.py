"""An interpreter with the real llama.cpp, and a folder of wheels that one can be installed from."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from offgrid_tui.engine.builder.find import built_engines
from offgrid_tui.system.paths import Paths

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE_HOME = ROOT / "build/engine-home"  # `make engine` builds it once; all tests share it


def engine_python() -> str:
    """The interpreter that tests run llama.cpp in: the one that OFFGRID_TEST_ENGINE names, else our own where it has
    llama_cpp, else the engine that `make engine` built.

    Raises:
        RuntimeError: there is none.
    """
    if named := os.environ.get("OFFGRID_TEST_ENGINE"):
        return named
    if importlib.util.find_spec("llama_cpp") is not None:
        return sys.executable
    for engine in built_engines(Paths.from_environment({"OFFGRID_HOME": str(ENGINE_HOME)})):
        return engine.python
    raise RuntimeError("no engine for the tests: `make engine` builds one")


# Packs installed distributions into wheels again (a wheel is its files, zipped): so that the installation from a
# folder is tested with the real packages, and without a network.
_REPACK = """
import base64, hashlib, importlib.metadata as metadata, pathlib, sys, zipfile

for name in sys.argv[2:]:
    found = metadata.distribution(name)
    tags = [line.split(": ")[1] for line in found.read_text("WHEEL").splitlines() if line.startswith("Tag: ")]
    python, abi, _ = tags[0].split("-")
    platforms = ".".join(tag.split("-")[2] for tag in tags)
    stem = f"{found.metadata['Name'].replace('-', '_').replace('.', '_')}-{found.version}"
    wheel = pathlib.Path(sys.argv[1]) / f"{stem}-{python}-{abi}-{platforms}.whl"
    record, lines = None, []
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in found.files:
            path = found.locate_file(file)
            if file.parts[0] == ".." or file.suffix == ".pyc":
                continue
            if file.name in ("INSTALLER", "REQUESTED", "direct_url.json"):
                continue
            if file.name == "RECORD" and file.parts[0].endswith(".dist-info"):
                record = str(file)
                continue
            data = path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            archive.writestr(str(file), data)
            lines.append(f"{file},sha256={digest},{len(data)}")
        archive.writestr(record, "\\n".join([*lines, f"{record},,"]) + "\\n")
"""
_NEEDED = ("llama_cpp_python", "numpy", "jinja2", "markupsafe", "diskcache", "typing_extensions")


def wheel_folder(folder: Path) -> Path:
    """Fill `folder` with wheels of llama-cpp-python and all that it needs, made from the tests' engine."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([engine_python(), "-c", _REPACK, str(folder), *_NEEDED], check=True, timeout=120)
    return folder
