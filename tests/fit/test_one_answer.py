"""Screens, commands and the engine host's gate give the same answer about the same file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fit_machines import GIB, machine

from offgrid_tui.cli.fit import Subject, fit_json, judge
from offgrid_tui.engine.contract import LoadOptions, StatusReport, WorkerStatus
from offgrid_tui.engine.host.memory import judged, use_of
from offgrid_tui.engine.host.options import complete
from offgrid_tui.engine.reservations import taken_of
from offgrid_tui.fit.model import Level, Taken
from offgrid_tui.fit.service import FitService
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.model import Gpu, Hardware
from offgrid_tui.library.model import Check, InstalledFile, InstalledModel, Origin
from offgrid_tui.models.fits import Fits
from offgrid_tui.settings.schema import EngineSettings, MemorySettings, Settings
from tools.fitmatrix.models import Q, Shape, write

SETTINGS = [
    Settings(),
    Settings(engine=EngineSettings(context=2048, kv_type="q8_0", slots=2, batch=64)),
    Settings(engine=EngineSettings(mmap=False, flash_attention=True), memory=MemorySettings(policy="conservative")),
    Settings(engine=EngineSettings(mlock=True), memory=MemorySettings(budget=0.9, reserve=0.0)),
]
MACHINES = [
    machine(16 * GIB, gpus=()),
    machine(2 * GIB, GIB),
    machine(GIB, GIB // 4),
    machine(8 * GIB, gpus=(Gpu("g", GIB, GIB),)),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Shape("one", "qwen3", layers=8, embedding=1024, heads=16, kv_heads=8, kind=Q.Q4_K, vocabulary=32000)
    return write(shape, tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
@pytest.mark.parametrize("hardware", MACHINES, ids=range(len(MACHINES)))
@pytest.mark.parametrize("on_gpu", [False, True])
def test_one_answer(model: Path, settings: Settings, hardware: Hardware, on_gpu: bool) -> None:
    header, taken = read_header(model), Taken(reserved=50 * 2**20, resident=20 * 2**20)
    service = FitService(settings, on_gpu=on_gpu)
    at = service.snapshot(taken, hardware)

    options = complete(LoadOptions(), settings.engine, hardware.cpu.cores, header.context_trained)
    _, gate = judged(header, options, hardware, settings, taken, on_gpu=on_gpu)
    command = judge(service, Subject("one", header), service.use(header.context_trained), at)
    file = InstalledFile(model, model.stat().st_size, model.stat().st_mtime, None)
    here = InstalledModel("one", "one", Origin.IMPORTED, (file,), Check.UNVERIFIED, 0.0)
    screen = Fits(service).of(None, None, here, at)

    assert screen is not None
    assert gate.verdict == command.verdict == screen.verdict
    assert gate.estimate == command.estimate == screen.estimate
    assert gate.budget == command.budget
    assert gate.alternatives == command.alternatives  # a list asks for none
    assert gate.use == command.use
    json.dumps(fit_json(gate))  # the API's too


def test_the_default_use_is_what_the_host_completes_to(model: Path) -> None:
    for settings in SETTINGS:
        options = complete(LoadOptions(), settings.engine, 4, 40960)
        assert use_of(options) == FitService(settings).use(40960)


def test_idle_models_make_room_and_those_at_work_do_not() -> None:
    busy = WorkerStatus("/a.gguf", "ready", None, 1, 0, 100, None, 0, 0.0)
    idle = replace(busy, model="/b.gguf", running=0)
    report = StatusReport("s", 1, 0.0, 1, 300.0, 10**9, (busy, idle))
    assert taken_of(report) == Taken(reserved=100, resident=0, freeable=0)
    assert taken_of(report, Path("/a.gguf")) == Taken()  # a model is not in its own way
    assert taken_of(None) == Taken()


def test_the_levels_differ_where_the_machines_do(model: Path) -> None:
    header = read_header(model)
    service = FitService(Settings(), on_gpu=False)
    levels = {service.of_header(header, at=service.snapshot(None, one)).verdict.level for one in MACHINES}
    assert {Level.SAFE, Level.BLOCKED} <= levels
