"""llama-bench and llama-server, built from the source distribution against the libraries that the engine uses.

Only the programs are compiled (benchmarks/cmake): what they link is the very libllama and libggml that the engine's
llama_cpp loads, so that a comparison measures the program around llama.cpp and not a compiler's mood. Kept under
build/peers for each version of the libraries.

    python -m benchmarks.peers [--python PYTHON]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from offgrid_tui.engine.builder.recipe import VERSION

RECIPE = Path(__file__).with_name("cmake")
CACHE = Path(__file__).parents[1] / "build" / "peers"
TOOLS = ("llama-bench", "llama-server")

_WHERE = (
    "import importlib.metadata as m, importlib.util as u, json; "
    "print(json.dumps([m.version('llama_cpp_python'), u.find_spec('llama_cpp').submodule_search_locations[0]]))"
)


@dataclass(frozen=True, slots=True)
class Peers:
    """The programs to compare with, and the libraries they share with the engine."""

    bench: Path
    server: Path
    libraries: Path
    version: str  # of llama-cpp-python


def peers(python: str) -> Peers:
    """The programs for the llama_cpp of the interpreter `python`; built when they are missing (minutes, niced).

    Raises:
        SystemExit: with what is missing, in words.
    """
    version, package = json.loads(_run([python, "-c", _WHERE], "looking for llama_cpp"))
    libraries = Path(package) / "lib"
    key = hashlib.sha256((libraries / "libggml-cpu.so").read_bytes())
    key.update((RECIPE / "CMakeLists.txt").read_bytes() + os.fsencode(libraries))
    folder = CACHE / f"{version}-{key.hexdigest()[:12]}"
    if not all((folder / name).is_file() for name in TOOLS):
        build(version, libraries, folder)
    return Peers(folder / "llama-bench", folder / "llama-server", libraries, version)


def build(version: str, libraries: Path, folder: Path) -> None:
    """Compile the two programs into `folder`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=CACHE) as name:
        work = Path(name)
        source = unpack(source_distribution(version), work)
        cmake = find_cmake()
        settings = {"CMAKE_BUILD_TYPE": "Release", "PEER_SOURCE": source, "PEER_LIBRARIES": libraries}
        print("compiling llama-bench and llama-server (some minutes, once)", file=sys.stderr)
        _run(
            [cmake, "-S", str(RECIPE), "-B", str(work / "tree"), *(f"-D{k}={v}" for k, v in settings.items())],
            "configuring the peers",
        )
        jobs = str(len(os.sched_getaffinity(0)))
        _run(["nice", "-n", "15", cmake, "--build", str(work / "tree"), "-j", jobs], "compiling the peers")
        folder.mkdir(parents=True, exist_ok=True)
        for tool in TOOLS:
            shutil.copy2(work / "tree" / "bin" / tool, folder / f"{tool}.part")
            (folder / f"{tool}.part").replace(folder / tool)


def source_distribution(version: str) -> Path:
    """The archive that the wheel was built from, by pip, which asks it for metadata and compiles nothing."""
    archive = CACHE / f"llama_cpp_python-{version}.tar.gz"
    if not archive.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python"]
        _run([*command, "--dest", str(CACHE), f"llama-cpp-python=={version}"], "fetching llama-cpp-python's sources")
    return archive


def unpack(archive: Path, folder: Path) -> Path:
    """llama.cpp's own sources out of the archive; returns where they are."""
    with tarfile.open(archive) as tar:
        members = [m for m in tar if "/vendor/llama.cpp/" in m.name]
        # Not by the argument `filter`, which came with Python 3.11.4: Debian 12 has 3.11.2.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        tar.extractall(folder, members)
    return next(folder.glob("*/vendor/llama.cpp"))


def find_cmake() -> str:
    """The machine's CMake, else one that pip puts under build/."""
    if found := shutil.which("cmake"):
        return found
    place = CACHE / "cmake"
    program = place / "cmake" / "data" / "bin" / "cmake"
    if not program.is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place), "cmake"]
        _run(command, "fetching CMake")
    return str(program)


def _run(command: list[str], doing: str) -> str:
    """What `command` printed; ends the benchmark with the end of its output where it failed."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=3600)
    if result.returncode != 0:
        raise SystemExit(f"{doing} failed (code {result.returncode}):\n{result.stdout[-3000:]}")
    return result.stdout


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has llama_cpp")
    parser.add_argument(
        "--sources", action="store_true", help="only fetch the sources: tests read vocabularies in them"
    )
    arguments = parser.parse_args()
    if arguments.sources:
        print(source_distribution(VERSION))
        return 0
    found = peers(arguments.python)
    print(f"{found.bench}\n{found.server}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
