"""Machines to judge on: the real one with other figures."""

from __future__ import annotations

import dataclasses

from offgrid_tui.hardware.model import Gpu, Hardware, Memory
from offgrid_tui.hardware.probe import probe

GIB = 2**30


def machine(
    total: int, available: int | None = None, *, limit: int | None = None, gpus: tuple[Gpu, ...] = ()
) -> Hardware:
    available = total if available is None else available
    memory = Memory(total, available, 0, 0, limit, None if limit is None else limit - available)
    return dataclasses.replace(probe(), memory=memory, gpus=gpus, gpu_problem="")
