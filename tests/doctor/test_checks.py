"""Each check names what is wrong, and the mend."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from offgrid_tui.database.database import Database
from offgrid_tui.doctor import engine, machine, models, places, terminal
from offgrid_tui.doctor.examine import CHECKS, examine
from offgrid_tui.doctor.model import Finding, Level, Subject, Terminal
from offgrid_tui.hardware.model import Gpu, Hardware, Memory
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.paths import Paths

Make = Callable[..., Subject]
GB = 10**9


def one(findings: list[Finding]) -> Finding:
    assert len(findings) == 1
    return findings[0]


def on(subject: Subject, **fields: object) -> Subject:
    """`subject` on another machine."""
    subject.__dict__["hardware"] = dataclasses.replace(probe(), **fields)
    return subject


def test_a_healthy_machine(subject: Make) -> None:
    findings = examine(subject())
    assert [f for f in findings if f.level is Level.FAIL] == []
    names = [f.name for f in findings]
    assert names == sorted(set(names), key=names.index)
    assert {"python", "processor", "memory", "gpu", "clock", "terminal", "colours", "characters", "engine"} <= set(
        names
    )
    assert {"folders", "disk", "filesystem", "settings", "database", "catalog"} <= set(names)
    assert all(f.mend for f in findings if f.level is not Level.OK)


def test_a_check_that_raises_is_a_finding(subject: Make) -> None:
    def broken(subject: Subject) -> list[Finding]:
        raise RuntimeError("the \x1b[2Jdisk is on fire")

    found = examine(subject(), (machine.python, broken, machine.clock))
    assert [f.name for f in found] == ["python", "broken", "clock"]
    assert found[1].level is Level.FAIL
    assert found[1].text == "could not be checked: RuntimeError: the [2Jdisk is on fire"


def test_no_check_ends_the_report_on_a_machine_that_tells_nothing(tmp_path: Path, subject: Make) -> None:
    empty = subject(env=dict.fromkeys(("TERM", "COLORTERM", "LANG"), ""), root=tmp_path, terminal=None)
    assert len(examine(empty)) >= len(CHECKS) - 1


# ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "version, level", [((3, 11, 2), Level.OK), ((3, 14, 0), Level.OK), ((3, 15, 0), Level.WARN), ((3, 10), Level.WARN)]
)
def test_python(subject: Make, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], level: Level) -> None:
    monkeypatch.setattr(machine, "sys", SimpleNamespace(version_info=version))
    assert one(machine.python(subject())).level is level


def test_a_processor_without_the_instructions_that_matter(subject: Make) -> None:
    cpu = dataclasses.replace(probe().cpu, features=("SSE3", "SSSE3", "AVX"))
    found = one(machine.processor(on(subject(), cpu=cpu)))
    assert (found.level, "without AVX2" in found.text) == (Level.WARN, True)
    cpu = dataclasses.replace(cpu, features=("NEON",))
    assert "without DOTPROD" in one(machine.processor(on(subject(), cpu=cpu))).text
    cpu = dataclasses.replace(cpu, features=("NEON", "DOTPROD"), physical=8, usable_physical=8, usable=8, quota=2.0)
    found = one(machine.processor(on(subject(), cpu=cpu)))
    assert (found.level, "2 cores of 8" in found.text) == (Level.OK, True)


@pytest.mark.parametrize(
    "memory, level, words",
    [
        (Memory(16 * GB, 12 * GB, 0, 0, None, None), Level.OK, "models may take 9.6 GB"),
        (Memory(16 * GB, 12 * GB, 0, 0, 8 * GB, GB), Level.OK, "limited to 8.0 GB (cgroup); models may take 4.8 GB"),
        (Memory(16 * GB, 3 * GB, 0, 0, None, None), Level.WARN, "other programs hold most of it"),
        (Memory(2 * GB, 2 * GB, 0, 0, None, None), Level.WARN, "up to about 1B"),
        (Memory(16 * GB, GB // 4, 0, 0, None, None), Level.FAIL, "models may take 0 B"),
    ],
)
def test_memory(subject: Make, memory: Memory, level: Level, words: str) -> None:
    found = one(machine.memory(on(subject(), memory=memory)))
    assert (found.level, words in found.text) == (level, True), found.text


def test_gpu(subject: Make) -> None:
    card = Gpu("NVIDIA H200", 150 * GB, 149 * GB, "580.1")
    assert one(machine.gpu(on(subject(), gpus=(card,)))).text == "NVIDIA H200, 149 GB of 150 GB free"
    assert one(machine.gpu(on(subject(), gpus=()))).level is Level.OK
    found = one(machine.gpu(on(subject(), gpu_problem="the NVIDIA driver does not answer: Driver Not Loaded")))
    assert (found.level, found.mend != "") == (Level.WARN, True)


def test_a_clock_that_stands_in_the_past(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(machine.clock(subject())).level is Level.OK
    monkeypatch.setattr(machine.time, "time", lambda: 1.0)
    found = one(machine.clock(subject()))
    assert (found.level, found.text.startswith("1970-01-01")) == (Level.WARN, True)


# ── the terminal ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "size, term, level",
    [
        (Terminal(80, 24), "screen", Level.OK),
        (Terminal(79, 24), "screen", Level.WARN),
        (Terminal(200, 23), "xterm", Level.WARN),
        (Terminal(200, 50), "dumb", Level.FAIL),
        (Terminal(200, 50), "", Level.FAIL),
        (None, "", Level.OK),
    ],
)
def test_size(subject: Make, size: Terminal | None, term: str, level: Level) -> None:
    assert one(terminal.size(subject(env={"TERM": term}, terminal=size))).level is level


@pytest.mark.parametrize(
    "env, level, text",
    [
        ({}, Level.OK, "16 million"),
        ({"COLORTERM": ""}, Level.OK, "256"),
        ({"COLORTERM": "", "SSH_CONNECTION": "1 2 3 4"}, Level.OK, "256; SSH"),
        ({"COLORTERM": "", "TERM": "linux"}, Level.WARN, "16 (TERM=linux)"),
        ({"COLORTERM": "", "TERM": "linux", "OFFGRID_UI_THEME": "ansi"}, Level.OK, "16, with the theme"),
        ({"COLORTERM": "", "TERM": "dumb"}, Level.WARN, "none"),
        ({"NO_COLOR": "1"}, Level.OK, "none, as NO_COLOR asks"),
    ],
)
def test_colours(subject: Make, home: Paths, env: dict[str, str], level: Level, text: str) -> None:
    found = one(terminal.colours(subject(env=env, settings=load_settings(home, env))))
    assert (found.level, found.text[: len(text)]) == (level, text)


@pytest.mark.parametrize(
    "env, level",
    [
        ({}, Level.OK),
        ({"LANG": "C.utf8"}, Level.OK),
        ({"LC_ALL": "POSIX"}, Level.WARN),  # it wins over LANG
        ({"LANG": ""}, Level.WARN),
        ({"LANG": "de_DE.ISO-8859-1"}, Level.WARN),
        ({"LANG": "", "OFFGRID_UI_ASCII": "true"}, Level.OK),
    ],
)
def test_characters(subject: Make, home: Paths, env: dict[str, str], level: Level) -> None:
    assert one(terminal.characters(subject(env=env, settings=load_settings(home, env)))).level is level


@pytest.fixture
def tmux_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A tmux of our own: runs a tmux command in it and returns what it prints."""
    socket = str(tmp_path / "tmux")

    def tmux(*words: str) -> str:
        command = ["tmux", "-S", socket, "-f", "/dev/null", *words]
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    tmux("new-session", "-d", "-s", "test")
    yield tmux
    tmux("kill-server")


def test_tmux(subject: Make, tmux_server: Callable[..., str]) -> None:
    env = {"TMUX": tmux_server("display-message", "-p", "#{socket_path},#{pid},0").strip(), "PATH": os.environ["PATH"]}
    inside = subject(env=env)
    for option, value in {"escape-time": "10", "set-clipboard": "on", "default-terminal": "tmux-256color"}.items():
        tmux_server("set-option", "-s", option, value)
    found = one(terminal.tmux(inside))
    assert (found.level, found.text.endswith(", escape-time 10 ms")) == (Level.OK, True)
    for option, value in {"escape-time": "500", "set-clipboard": "off", "default-terminal": "screen"}.items():
        tmux_server("set-option", "-s", option, value)
    found = one(terminal.tmux(inside))
    assert found.level is Level.WARN
    assert found.mend == (
        "Add to ~/.tmux.conf: set -s escape-time 10 and set -s set-clipboard on "
        "and set -s default-terminal tmux-256color."
    )


def test_tmux_that_does_not_answer(subject: Make, tmp_path: Path) -> None:
    env = {"TMUX": f"{tmp_path}/gone,1,0", "PATH": os.environ["PATH"]}
    found = one(examine(subject(env=env), (terminal.tmux,)))
    assert (found.name, found.level) == ("tmux", Level.FAIL)
    assert one(terminal.tmux(subject(env={**env, "PATH": str(tmp_path)}))).level is Level.WARN
    assert terminal.tmux(subject()) == []


# ── the engine ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_engine_is_started_and_says_what_it_was_built_for(subject: Make) -> None:
    found = one(engine.engine(subject()))
    assert (found.level, found.text.startswith("llama-cpp-python ")) == (Level.OK, True), found
    assert set(probe().cpu.features) & set(found.text.split())


def test_an_engine_of_another_processor(subject: Make) -> None:
    poorer = dataclasses.replace(probe().cpu, features=("SSE3", "SSSE3"))
    found = one(engine.engine(on(subject(), cpu=poorer)))
    assert (found.level, "built for another processor" in found.text) == (Level.FAIL, True)
    richer = dataclasses.replace(probe().cpu, features=(*probe().cpu.features, "DOTPROD"))
    found = one(engine.engine(on(subject(), cpu=richer)))
    assert (found.level, "built without DOTPROD" in found.text) == (Level.WARN, True)


def test_an_interpreter_without_llama_cpp(subject: Make, home: Paths, tmp_path: Path) -> None:
    for python in (str(tmp_path / "nothing"), "/bin/false"):
        settings = load_settings(home, {"OFFGRID_ENGINE_PYTHON": python})
        found = one(engine.engine(subject(settings=settings)))
        assert (found.level, found.mend) == (Level.FAIL, "Correct engine.python.")
        assert python in found.text


def test_no_engine_yet(subject: Make, home: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "find_engine", lambda paths, settings: None)
    found = one(engine.engine(subject(env={"PATH": os.environ["PATH"]})))
    assert (found.level, "offgrid engine build" in found.mend) == (Level.WARN, True)
    found = one(engine.engine(subject(env={"PATH": str(tmp_path)})))
    assert (found.level, found.mend) == (Level.FAIL, "Install one: apt install g++")


# ── what we keep ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_where_a_folder_has_to_be(subject: Make, home: Paths) -> None:
    home.data.mkdir(parents=True)
    home.cache.write_text("not a folder")
    found = one(places.folders(subject()))
    assert (found.level, f"{home.cache} is a file" in found.text) == (Level.FAIL, True)


def test_folders_that_may_not_be_written(subject: Make, home: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    home.data.mkdir(parents=True)
    real = os.access
    monkeypatch.setattr(places.os, "access", lambda path, mode: Path(path) != home.data and real(path, mode))
    found = places.folders(subject())
    assert {f.level for f in found} == {Level.FAIL}
    assert "cannot be written (data)" in " ".join(f.text for f in found)


@pytest.mark.parametrize("free, level", [(0, Level.FAIL), (10**9, Level.WARN), (50 * 10**9, Level.OK)])
def test_disk(subject: Make, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr(places, "read_disk", lambda path: SimpleNamespace(free=free, total=10**11))
    assert one(places.disk(subject())).level is level


@pytest.mark.parametrize(
    "kind, read_only, level, words",
    [
        ("ext4", False, Level.OK, "ext4"),
        ("nfs4", False, Level.WARN, "rollback journal"),
        ("fuse.sshfs", False, Level.WARN, "on a network"),
        ("vfat", False, Level.WARN, "4 GB"),
        ("squashfs", True, Level.FAIL, "read-only"),
    ],
)
def test_filesystem(
    subject: Make, monkeypatch: pytest.MonkeyPatch, kind: str, read_only: bool, level: Level, words: str
) -> None:
    from offgrid_tui.system.filesystem import Filesystem

    mount = Filesystem(kind, Path("/mnt"), "somewhere", read_only)
    monkeypatch.setattr(places, "filesystem_of", lambda path: mount)
    found = one(places.filesystem(subject()))
    assert (found.level, words in found.text) == (level, True)


def test_settings_that_could_not_be_used(subject: Make, home: Paths) -> None:
    assert one(places.settings(subject())).text == "all at their defaults"
    home.config.mkdir(parents=True)
    home.settings_file.write_text("[engine]\ncontext = 'much'\n[memory]\nbudgt = 0.5\n")
    found = places.settings(subject())
    assert [f.level for f in found] == [Level.WARN, Level.WARN]
    assert f"{home.settings_file}:2" in found[0].text
    assert all(f.mend for f in found)


def test_database(subject: Make, home: Paths) -> None:
    assert one(places.database(subject())).text.startswith("not there yet")
    home.data.mkdir(parents=True)
    database = Database.open(home.database)
    database.close_now()
    found = one(places.database(subject()))
    assert (found.level, found.text.endswith("journal, whole")) == (Level.OK, True)
    data = bytearray(home.database.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    home.database.write_bytes(data)
    found = one(places.database(subject()))
    assert (found.level, "damaged" in found.text or "database" in found.text) == (Level.FAIL, True)
    assert found.mend
    home.database.write_bytes(b"this is a letter, not a database" * 500)
    assert one(places.database(subject())).level is Level.FAIL
    assert home.database.read_bytes().startswith(b"this is a letter")  # never overwritten


def test_hardware_is_looked_at_once(subject: Make) -> None:
    made = subject()
    assert isinstance(made.hardware, Hardware)
    assert made.hardware is made.hardware
    assert sys.modules["offgrid_tui.doctor.examine"]


def test_catalog(subject: Make, home: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = one(models.catalog(subject()))
    assert found.level is Level.OK and found.text.endswith(" models")
    home.config.mkdir(parents=True, exist_ok=True)
    (home.config / "catalog.toml").write_text('[models.phi-2]\nname = ""\n')
    found = one(models.catalog(subject()))
    assert (found.level, found.text) == (Level.WARN, f"{home.config / 'catalog.toml'}:2: name is empty")
    assert found.mend
    monkeypatch.setattr("offgrid_tui.catalog.load.resource", lambda _: tmp_path / "none")
    found = one(models.catalog(subject()))
    assert found.level is Level.FAIL and "Install OffGrid again" in found.mend
