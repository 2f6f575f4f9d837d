"""Looks at the machine: a few milliseconds, no privileges, nothing started."""

from __future__ import annotations

import platform
from pathlib import Path

from offgrid_tui.foundation.text import clean_line
from offgrid_tui.hardware.cgroup import limits
from offgrid_tui.hardware.cpu import read_cpu
from offgrid_tui.hardware.files import SystemFiles
from offgrid_tui.hardware.gpu import read_gpus
from offgrid_tui.hardware.memory import read_memory
from offgrid_tui.hardware.model import Hardware, Memory


def probe(root: Path = Path("/")) -> Hardware:
    """What this machine has now. `root` holds proc, sys, dev and etc: another one lets a test describe a machine."""
    files = SystemFiles(root)
    bounds = limits(files)
    gpus, problem = read_gpus(files)
    return Hardware(
        memory=read_memory(files, bounds),
        cpu=read_cpu(files, bounds.cpus),
        gpus=gpus,
        gpu_problem=problem,
        system=_system(files),
        kernel=f"{platform.system()} {platform.release()}",
        hostname=clean_line(platform.node()),
    )


def probe_memory(root: Path = Path("/")) -> Memory:
    """Memory alone: for gauges and for the gate before a load, which ask often."""
    files = SystemFiles(root)
    return read_memory(files, limits(files))


def _system(files: SystemFiles) -> str:
    for line in files.text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return clean_line(line.partition("=")[2].strip("\"'"))
    return platform.platform(terse=True)
