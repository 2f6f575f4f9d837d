"""Looks at the machine: a few milliseconds, no privileges; nothing is started but, on a Mac, the system's own tools."""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from pathlib import Path

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware import apple
from offgrid_tui.hardware.battery import read_battery
from offgrid_tui.hardware.cgroup import limits
from offgrid_tui.hardware.cpu import read_cpu
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.gpu import read_gpus
from offgrid_tui.hardware.memory import read_memory
from offgrid_tui.hardware.model import Battery, Gpu, Hardware, Memory


def probe(root: Path = Path("/")) -> Hardware:
    """What this machine has now. `root` holds proc, sys, dev and etc: another one lets a test describe a machine."""
    files = SystemFiles(root)
    bounds = limits(files)
    memory, cpu = read_memory(files, bounds), read_cpu(files, bounds.cpus)
    gpus, problem = read_gpus(files, memory)
    battery = read_battery(files)
    if sys.platform == "darwin":
        gpus, battery = _apple(memory, gpus)
        cpu = replace(cpu, name=apple.chip() or cpu.name, physical=apple.physical_cores() or cpu.physical)
    return Hardware(
        memory=memory,
        cpu=cpu,
        gpus=gpus,
        gpu_problem=problem,
        system=_system(files),
        kernel=f"{platform.system()} {platform.release()}",
        hostname=clean_line(platform.node()),
        battery=battery,
        board=clean_line(files.text("/proc/device-tree/model").rstrip("\0")),
    )


def _apple(memory: Memory, gpus: tuple[Gpu, ...]) -> tuple[tuple[Gpu, ...], Battery | None]:
    own = apple.read_gpu(memory)
    return (*gpus, *((own,) if own is not None else ())), apple.read_battery()


def probe_memory(root: Path = Path("/")) -> Memory:
    """Memory alone: for gauges and for the gate before a load, which ask often."""
    files = SystemFiles(root)
    return read_memory(files, limits(files))


def _system(files: SystemFiles) -> str:
    for line in files.text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return clean_line(line.partition("=")[2].strip("\"'"))
    return platform.platform(terse=True)
