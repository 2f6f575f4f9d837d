"""Checks of the machine: Python, processor, memory, GPU, clock."""

from __future__ import annotations

import platform
import struct
import sys
import time

from offgrid_tui.doctor.model import Finding, Subject, fail, ok, warn
from offgrid_tui.fit.budget import budget
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.foundation.units import bytes_text

TRIED = ((3, 11), (3, 14))  # the oldest and the newest Python that the tests run on
SMALL = 4 * 10**9  # bytes of memory below which few models fit
EARLIEST = 1_761_955_200  # Unix seconds, 2025-11-01: no clock that is right shows less


def python(subject: Subject) -> list[Finding]:
    version, bits = platform.python_version(), struct.calcsize("P") * 8
    text = f"{platform.python_implementation()} {version}, {bits} bit"
    if bits != 64:
        return fail("python", f"{text}: models need more memory than it can address", "Install a 64-bit Python.")
    if not TRIED[0] <= sys.version_info[:2] <= TRIED[1]:
        return warn("python", f"{text}: untried", "Use Python {}.{} to {}.{}.".format(*TRIED[0], *TRIED[1]))
    return ok("python", text)


def processor(subject: Subject) -> list[Finding]:
    cpu = subject.hardware.cpu
    features = set(cpu.features)
    cores = f"{cpu.cores} core{'s' if cpu.cores != 1 else ''}"
    if cpu.cores < cpu.physical:
        cores += f" of {cpu.physical}"
    text = f"{clean_line(cpu.name, 60)}, {cores}, {' '.join(cpu.features) or 'features unknown'}"
    if "SSE3" in features and not {"AVX2", "FMA"} <= features:
        return warn(
            "processor",
            f"{text}: without AVX2 answers come several times slower",
            "Choose small models, or another machine; in a virtual machine pass the host's processor through.",
        )
    if "NEON" in features and "DOTPROD" not in features:
        return warn(
            "processor",
            f"{text}: without DOTPROD answers come more slowly",
            "Choose small models; Q4_0 is the fastest quantisation here.",
        )
    return ok("processor", text)


def memory(subject: Subject) -> list[Finding]:
    found = subject.hardware.memory
    limits = budget(subject.hardware, subject.settings.memory)
    text = f"{bytes_text(found.total)}, {bytes_text(found.available)} available"
    if found.cgroup_limit is not None and found.cgroup_limit < found.total:
        text += f", limited to {bytes_text(found.cgroup_limit)} (cgroup)"
    text += f"; models may take {bytes_text(limits.limit)}"
    if limits.limit == 0:
        return fail(
            "memory",
            text,
            "Close other programs, or lower memory.reserve in config.toml.",
        )
    if found.usable < SMALL:
        return warn("memory", f"{text}: enough for models up to about 1B", "Choose models of 1B parameters or less.")
    if limits.available < limits.share / 2:
        return warn("memory", f"{text}: other programs hold most of it", "Close other programs to load larger models.")
    return ok("memory", text)


def gpu(subject: Subject) -> list[Finding]:
    found = subject.hardware
    if found.gpu_problem:
        return warn("gpu", found.gpu_problem, "Install or repair the driver; without it models run on the processor.")
    if not found.gpus:
        return ok("gpu", "none; models run on the processor")
    return ok("gpu", "; ".join(f"{g.name}, {bytes_text(g.free)} of {bytes_text(g.total)} free" for g in found.gpus))


def clock(subject: Subject) -> list[Finding]:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    if now < EARLIEST:
        return warn(
            "clock",
            f"{shown} is in the past: secure connections will fail, and new chats sort below old ones",
            "Set the clock: timedatectl set-ntp true, or date -s.",
        )
    return ok("clock", shown)
