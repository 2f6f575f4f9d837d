"""`offgrid info`: this machine in ten lines."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict

from offgrid_tui import __version__
from offgrid_tui.engine.build import EngineInfo, find_engine
from offgrid_tui.engine.builder.recipe import REQUIREMENT
from offgrid_tui.fit.budget import budget
from offgrid_tui.fit.model import Budget
from offgrid_tui.foundation.errors import ExitCode
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.hardware.disk import Disk, read_disk
from offgrid_tui.hardware.disks import list_disks
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.load import load_settings
from offgrid_tui.system.filesystem import filesystem_of
from offgrid_tui.system.paths import Paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object, sizes in bytes")


def run(args: argparse.Namespace) -> int:
    paths = Paths.from_environment()
    settings = load_settings(paths)
    hardware = probe()
    limits = budget(hardware, settings.memory)
    disk, engine = read_disk(paths.models), find_engine(paths, settings)
    if args.json:
        value = {
            "offgrid": __version__,
            "python": platform.python_version(),
            **asdict(hardware),
            "budget": asdict(limits),
            "disk": {"path": str(paths.models), "filesystem": filesystem_of(paths.data).kind, **asdict(disk)},
            "disks": [{**asdict(one), "mount_point": str(one.mount_point)} for one in list_disks()],
            "engine": engine and asdict(engine),
        }
        print(json.dumps(value, ensure_ascii=False, indent=2))
        return int(ExitCode.OK)
    for name, text in _rows(paths, hardware, limits, disk, engine).items():
        print(f"{name:<10} {clean_line(text)}")
    return int(ExitCode.OK)


def _rows(paths: Paths, hardware: Hardware, limits: Budget, disk: Disk, engine: EngineInfo | None) -> dict[str, str]:
    memory, cpu = hardware.memory, hardware.cpu
    swap = f"swap {bytes_text(memory.swap_total)}" if memory.swap_total else "no swap"
    return {
        "offgrid": f"{__version__}, Python {platform.python_version()}",
        "system": f"{hardware.system}, {hardware.kernel}",
        "processor": f"{cpu.name}, {cpu.architecture}, {_cores(hardware)}",
        "features": " ".join(cpu.features) or "unknown",
        "memory": f"{bytes_text(memory.total)}, {bytes_text(memory.available)} available, {swap}",
        "limit": _limit(hardware),
        "budget": f"{bytes_text(limits.limit)} for models now, {bytes_text(limits.share)} at most",
        "gpu": _gpus(hardware),
        "disk": f"{bytes_text(disk.free)} of {bytes_text(disk.total)} free, "
        f"{filesystem_of(paths.data).kind}, {paths.models}",
        "engine": _engine(engine),
    }


def _cores(hardware: Hardware) -> str:
    cpu = hardware.cpu
    text = f"{cpu.physical} cores, {cpu.logical} threads"
    return text if cpu.usable == cpu.logical else f"{text}, {cpu.usable} of them ours"


def _limit(hardware: Hardware) -> str:
    memory, quota = hardware.memory, hardware.cpu.quota
    parts = []
    if memory.cgroup_limit is not None:
        parts.append(f"{bytes_text(memory.cgroup_limit)} of memory, {bytes_text(memory.cgroup_used)} used")
    if quota is not None:
        parts.append(f"{quota:g} CPUs")
    return ", ".join(parts) + " (cgroup)" if parts else "none"


def _gpus(hardware: Hardware) -> str:
    if hardware.gpu_problem:
        return hardware.gpu_problem
    gpus = [
        f"{gpu.name} {bytes_text(gpu.total)}{' of the memory' if gpu.unified else ''}, {bytes_text(gpu.free)} free"
        for gpu in hardware.gpus
    ]
    return "; ".join(gpus) or "none"


def _engine(engine: EngineInfo | None) -> str:
    if engine is None:
        return "not built yet: offgrid engine build"
    name = REQUIREMENT.partition("==")[0]
    return f"{' '.join(part for part in (name, engine.version, engine.backend) if part)}, {engine.python}"
