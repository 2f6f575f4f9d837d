"""`offgrid engine`: which llama.cpp runs here, building one, and what was logged."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offgrid_tui.cli.progress import ProgressLine
from offgrid_tui.engine.build import EngineInfo, build_engine, find_engine, running_build, stop_build
from offgrid_tui.engine.builder.describe import describe
from offgrid_tui.engine.builder.places import Places
from offgrid_tui.engine.builder.recipe import BACKENDS, REQUIREMENT
from offgrid_tui.engine.client import EngineClient
from offgrid_tui.engine.contract import StatusReport
from offgrid_tui.engine.events import EngineBuildFailed, EngineBuildProgressed, EngineBuilt
from offgrid_tui.engine.host.start import host_log
from offgrid_tui.foundation.errors import ExitCode, NotFoundError
from offgrid_tui.foundation.text import clean
from offgrid_tui.foundation.units import bytes_text, duration, tokens
from offgrid_tui.settings.load import load_settings
from offgrid_tui.settings.schema import Settings
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="engine_command", metavar="info | build | log", required=True)
    info = commands.add_parser("info", help="which llama.cpp runs here, and what it has loaded")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    making = commands.add_parser("build", help=f"compile {REQUIREMENT} for this machine")
    making.add_argument("--backend", choices=sorted(BACKENDS), default="cpu", help="what it computes with")
    making.add_argument("--wheels", type=Path, metavar="FOLDER", help="take everything from here, without a network")
    making.add_argument("--again", action="store_true", help="build although there is one")
    making.add_argument("--stop", action="store_true", help="end the build that runs")
    log = commands.add_parser("log", help="what the last build, or the host, printed")
    log.add_argument("--host", action="store_true", help="the engine host's log instead of the build's")
    log.add_argument("--lines", type=int, default=40, metavar="N", help="how many of the last lines (40)")
    log.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    settings = load_settings(paths)
    if args.engine_command == "log":
        return _log(host_log(paths) if args.host else Places.of(paths).log, args.lines, as_json=args.json)
    if args.engine_command == "info":
        return asyncio.run(_info(paths, settings, as_json=args.json))
    if args.stop:
        print("The build is being stopped." if stop_build(paths) else "Nothing is being built.")
        return int(ExitCode.OK)
    return asyncio.run(_build(args, paths, settings))


# ── build ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _build(args: argparse.Namespace, paths: Paths, settings: Settings) -> int:
    engine = find_engine(paths, settings)
    fits = engine is not None and (engine.origin != "built" or engine.backend == args.backend)
    if engine is not None and fits and not args.again and running_build(paths) is None:
        print(f"There is an engine: {_name(engine)}, {engine.python}")
        return int(ExitCode.OK)
    engine = await build(paths, settings, backend=args.backend, wheels=args.wheels)
    print(f"Built: {_name(engine)}, {engine.python}")
    return int(ExitCode.OK)


async def build(paths: Paths, settings: Settings, *, backend: str = "cpu", wheels: Path | None = None) -> EngineInfo:
    """Build the engine, or follow its build, with the progress on stderr.

    Raises:
        EngineError: it could not be built.
        RefusedError: off-grid mode is on.
    """
    line = ProgressLine()

    def show(event: EngineBuildProgressed | EngineBuilt | EngineBuildFailed) -> None:
        if isinstance(event, EngineBuildProgressed):
            count = f" {event.done}/{event.total}" if event.total else ""
            line.show(f"engine: {event.step}", f"{count} {duration(event.elapsed_s)}".strip())

    try:
        return await build_engine(paths, settings, show, backend=backend, wheels=wheels)
    except asyncio.CancelledError:
        line.note("The build goes on; `offgrid engine build` follows it, `offgrid engine build --stop` ends it.")
        raise
    finally:
        line.clear()


# ── info ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _info(paths: Paths, settings: Settings, *, as_json: bool) -> int:
    engine = find_engine(paths, settings)
    if engine is not None:
        engine = await describe(engine)
    building = running_build(paths)
    client = EngineClient(paths, settings)
    try:
        report = await client.status()
    finally:
        await client.close()
    if as_json:
        value: dict[str, Any] = {
            "engine": engine and asdict(engine),
            "building": building and {"step": building.step, "done": building.done, "total": building.total},
            "host": report and asdict(report),
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return int(ExitCode.OK if engine is not None else ExitCode.NOT_FOUND)
    if building is not None:
        print(f"building   {building.step} {building.done}/{building.total}, {duration(building.elapsed_s)}")
    if engine is not None:
        _print_engine(engine)
    _print_host(report)
    if engine is None and building is None:
        raise NotFoundError("There is no engine yet", mend="Build it: `offgrid engine build`.")
    return int(ExitCode.OK)


def _name(engine: EngineInfo) -> str:
    return clean(" ".join(part for part in (REQUIREMENT.partition("==")[0], engine.version, engine.backend) if part))


_ORIGINS = {
    "settings": "named by engine.python in the settings",
    "own": "in OffGrid's own environment",
    "built": "built by OffGrid",
}


def _print_engine(engine: EngineInfo) -> None:
    rows = {
        "engine": _name(engine),
        "origin": _ORIGINS[engine.origin],
        "python": engine.python,
        "flags": engine.flags,
        "system": engine.system_info,
        "wheel": f"sha256 {engine.wheel_sha256}" if engine.wheel_sha256 else "",
    }
    for name, value in rows.items():
        if value:
            print(f"{name:<10} {clean(value)}")


def _print_host(report: StatusReport | None) -> None:
    if report is None:
        print("host       not running")
        return
    print(f"host       process {report.pid}, {report.clients - 1} other clients, budget {bytes_text(report.budget)}")
    for worker in report.workers:
        context = f", context {tokens(worker.loaded.context)}" if worker.loaded else ""
        memory = f"reserved {bytes_text(worker.reserved)}, resident {bytes_text(worker.resident)}"
        jobs = f"{worker.running} running, {worker.waiting} waiting"
        print(f"model      {Path(worker.model).name}: {worker.state}, {jobs}, {memory}{context}")


# ── log ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _log(path: Path, count: int, *, as_json: bool) -> int:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = [clean(line.rstrip("\n")) for line in deque(file, maxlen=max(0, count))]
    except FileNotFoundError:
        raise NotFoundError("Nothing was logged yet", detail=str(path)) from None
    if as_json:
        print(json.dumps({"path": str(path), "lines": lines}, ensure_ascii=False))
        return int(ExitCode.OK)
    print(path, file=sys.stderr)
    print("\n".join(lines))
    return int(ExitCode.OK)
