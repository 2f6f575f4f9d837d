"""Building the engine: from a folder of wheels for real, the checks before, the progress others follow, and failures.

That llama.cpp compiles is shown by `make engine`, which builds what these tests run.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from offgrid_tui.engine.build import build_engine, find_engine, running_build, stop_build
from offgrid_tui.engine.builder import checks
from offgrid_tui.engine.builder.commands import Commands
from offgrid_tui.engine.builder.describe import describe
from offgrid_tui.engine.builder.errors import explain
from offgrid_tui.engine.builder.find import MANIFEST, EngineInfo
from offgrid_tui.engine.builder.places import Places
from offgrid_tui.engine.builder.recipe import BACKENDS, VERSION
from offgrid_tui.engine.contract import ErrorCode
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.events import EngineBuildFailed, EngineBuildProgressed, EngineBuilt
from offgrid_tui.foundation.errors import RefusedError
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import EngineSettings, NetworkSettings, Settings
from offgrid_tui.system.paths import Paths
from tests.engine.asking import answer, question, words
from tests.engine.conftest import eventually, new_client
from tests.support.engine import engine_python
from tests.support.models import RECITATION

NO_ENGINE = Settings(engine=EngineSettings(python=None))


async def test_from_a_folder_of_wheels_without_a_network(
    home: Paths, wheels: Path, reciter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two front doors follow one build; what was built answers."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")  # nothing is to be asked there
    offgrid = Settings(network=NetworkSettings(offgrid=True))
    seen: list[list[object]] = [[], []]
    first, second = await asyncio.gather(
        *(build_engine(home, offgrid, events.append, wheels=wheels) for events in seen)
    )
    assert first == second
    assert (first.version, first.backend, first.origin) == (VERSION, "cpu", "built")
    assert "CPU" in first.system_info and len(first.wheel_sha256) == 64
    for events in seen:
        assert events[-1] == EngineBuilt(first)
        assert any(isinstance(event, EngineBuildProgressed) and event.step == "installing" for event in events)
    log = Places.of(home).log.read_text()
    assert log.count("== installing") == 1, "one build, whoever follows it"

    found = [engine for engine in (find_engine(home, NO_ENGINE),) if engine and engine.origin == "built"]
    assert found in ([first], []), "our own interpreter goes first where it has llama_cpp"
    assert await describe(EngineInfo(first.python, "built")) == EngineInfo(
        first.python, "built", first.version, system_info=first.system_info
    )
    monkeypatch.setenv("OFFGRID_ENGINE_PYTHON", first.python)
    client = new_client(home)
    assert words(await answer(client, question(reciter))) == RECITATION
    await client.stop_host()
    await client.close()


def test_an_engine_without_its_manifest_is_none(home: Paths) -> None:
    folder = Places.of(home).environment("cpu")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    assert find_engine(home, Settings(engine=EngineSettings(python="/x/python"))) == EngineInfo("/x/python", "settings")
    (folder / MANIFEST).write_text("{ this is not whole")
    found = find_engine(home, NO_ENGINE)
    assert found is None or found.origin == "own"


async def test_off_grid_mode_refuses_the_registry(home: Paths) -> None:
    settings = Settings(network=NetworkSettings(offgrid=True))
    with pytest.raises(RefusedError):
        await build_engine(home, settings, lambda _: None)
    assert not Places.of(home).progress.exists(), "nothing was begun"


async def test_a_wheel_that_is_missing_is_named(home: Paths, wheels: Path, tmp_path: Path) -> None:
    poor = tmp_path / "poor"
    poor.mkdir()
    for wheel in wheels.glob("*.whl"):
        if not wheel.name.startswith("numpy"):
            shutil.copy(wheel, poor)
    events: list[object] = []
    with pytest.raises(EngineError) as caught:
        await build_engine(home, NO_ENGINE, events.append, wheels=poor)
    assert caught.value.code is ErrorCode.ENGINE_MISSING
    assert "numpy" in caught.value.detail and "pip wheel" in caught.value.mend
    assert isinstance(events[-1], EngineBuildFailed)
    assert await build_engine(home, NO_ENGINE, events.append, wheels=wheels), "and the next attempt succeeds"


async def test_a_build_can_be_stopped_and_an_interrupted_one_is_told(home: Paths, wheels: Path) -> None:
    for kill in (lambda: stop_build(home), lambda: os.kill(_builder(home), signal.SIGKILL)):
        building = asyncio.create_task(build_engine(home, NO_ENGINE, lambda _: None, wheels=wheels))
        await eventually(lambda: running_build(home) is not None)
        kill()
        with pytest.raises(EngineError) as caught:
            await building
        assert "stopped" in caught.value.title or "interrupted" in caught.value.title
        await eventually(lambda: running_build(home) is None)
    assert not stop_build(home)


def _builder(home: Paths) -> int:
    return int(Places.of(home).lock.read_text().split("/")[1])


async def test_a_cancelled_follower_does_not_end_the_build(home: Paths, wheels: Path) -> None:
    building = asyncio.create_task(build_engine(home, NO_ENGINE, lambda _: None, wheels=wheels))
    await eventually(lambda: running_build(home) is not None)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    engine = await build_engine(home, NO_ENGINE, lambda _: None, wheels=wheels)
    assert engine.version == VERSION
    assert Places.of(home).log.read_text().count("== installing") == 1


# ── checks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_compiler_is_named_with_its_package(home: Paths, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        checks.check(home.engines, BACKENDS["cpu"], None, {"PATH": str(tmp_path)})
    assert "apt install g++" in caught.value.mend
    with pytest.raises(EngineError):
        checks.check(home.engines, BACKENDS["cpu"], None, {"PATH": os.environ["PATH"], "CXX": "no-such-compiler"})
    checks.check(home.engines, BACKENDS["cpu"], None, os.environ)


def test_a_missing_gpu_compiler_is_named_with_its_package(home: Paths, tmp_path: Path) -> None:
    (tmp_path / "g++").touch(mode=0o755)
    with pytest.raises(EngineError) as caught:
        checks.check(home.engines, BACKENDS["cuda"], None, {"PATH": str(tmp_path)})
    assert "nvidia-cuda-toolkit" in caught.value.mend


def test_a_ready_wheel_needs_no_compiler(home: Paths, tmp_path: Path) -> None:
    (tmp_path / f"llama_cpp_python-{VERSION}-py3-none-linux_x86_64.whl").touch()
    checks.check(home.engines, BACKENDS["cpu"], tmp_path, {"PATH": ""})


def test_a_full_disk_is_found_before(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "COMPILE_SPACE", 10**18)
    with pytest.raises(EngineError) as caught:
        checks.check(home.engines, BACKENDS["cpu"], None)
    assert "disk space" in caught.value.title


def test_python_without_ensurepip(home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(EngineError) as caught:
        checks.check(home.engines, BACKENDS["cpu"], None)
    assert "python3-venv" in caught.value.mend


async def test_no_folder_of_wheels(home: Paths, tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        await build_engine(home, NO_ENGINE, lambda _: None, wheels=tmp_path / "none")
    assert str(tmp_path / "none") in caught.value.detail


# ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_compile_steps_are_counted(capfd: pytest.CaptureFixture[str]) -> None:
    steps: list[tuple[int, int]] = []
    script = "for n in 1 2 3; do echo \"  [$n/3] /usr/bin/g++ -c x.cpp\"; done; echo '[1/2] is not at the start'"
    tail = Commands(os.environ, lambda done, total: steps.append((done, total)), None).run("x", ["sh", "-c", script])
    assert steps[:3] == [(1, 3), (2, 3), (3, 3)]
    assert tail[0].strip().startswith("[1/3]")
    assert "== x: sh -c" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("ld: final link failed: No space left on device", "disk is full"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "out of memory"),
        ("ERROR: Could not install: [Errno 13] Permission denied: '/x'", "could not be written"),
        ("Temporary failure in name resolution", "registry could not be reached"),
        ("something else", "building failed"),
    ],
)
def test_failures_are_explained(printed: str, says: str) -> None:
    error = explain("building", "exited with status 1", (printed,), None)
    assert says in error.title
    assert error.mend and error.log_tail == (printed,)


def test_a_failed_command_carries_its_last_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EngineError) as caught:
        Commands(os.environ, lambda *_: None, None).run("trying", ["sh", "-c", "echo it broke; exit 3"])
    assert caught.value.log_tail == ("it broke",)
    assert "status 3" in caught.value.detail


def test_the_command_line(home: Paths, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "offgrid_tui", "engine"]
    built = subprocess.run([*command, "build", "--again", "--wheels", wheels], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert f"llama-cpp-python {VERSION} cpu" in built.stdout and "installing" in built.stderr
    again = subprocess.run([*command, "build"], capture_output=True, text=True)
    assert again.returncode == 0 and again.stdout.startswith("There is an engine")
    log = subprocess.run([*command, "log", "--json"], capture_output=True, text=True)
    assert json.loads(log.stdout)["lines"]
    python = load_settings(home).engine.python or engine_python()
    assert Path(python).exists()
