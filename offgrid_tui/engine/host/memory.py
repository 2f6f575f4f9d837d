"""The memory that all loaded models share: how much one more would take, and whether that is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from offgrid_tui.engine.contract import ErrorCode, LoadOptions
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host.options import LEAST_CONTEXT
from offgrid_tui.fit.budget import budget, verdict
from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.model import Estimate, Level, Use, Verdict
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.header import Header
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.settings.schema import MemorySettings

GPU_RESERVE = 600 * 2**20  # bytes of each GPU that its driver and llama.cpp's own context take


@dataclass(frozen=True, slots=True)
class Taken:
    """What the models that are loaded hold: bytes promised to them, and bytes of these that they have already taken
    from what the system calls available. A mapped file is not taken yet: the kernel counts its pages as available."""

    reserved: int
    resident: int


def need(header: Header, options: LoadOptions, hardware: Hardware) -> Estimate:
    """What loading by `options` (complete) takes.

    Raises:
        EngineError: a KV type that does not exist.
    """
    defaults = Use(context=options.context or 0)
    use = replace(
        defaults,
        slots=options.slots or defaults.slots,
        batch=options.batch or defaults.batch,
        kv_type_k=options.kv_type_k or defaults.kv_type_k,
        kv_type_v=options.kv_type_v or defaults.kv_type_v,
        flash_attention=bool(options.flash_attention),
        gpu_layers=max(0, options.gpu_layers or 0),
        mmap=options.mmap,
    )
    try:
        return estimate(header, use, hardware.cpu.features)
    except ValueError as error:
        raise EngineError(ErrorCode.BAD_REQUEST, "The load options cannot be used", detail=str(error)) from None


def layers_that_fit(header: Header, options: LoadOptions, hardware: Hardware) -> int:
    """How many layers, counted from the last, the free memory of the GPUs takes; one more than there are puts the
    output there too. 0 where there is no GPU."""
    free = sum(gpu.free for gpu in hardware.gpus) - GPU_RESERVE * len(hardware.gpus)
    for layers in range(header.layers + 1, 0, -1):
        if need(header, replace(options, gpu_layers=layers), hardware).gpu <= free:
            return layers
    return 0


def judge(estimated: Estimate, hardware: Hardware, settings: MemorySettings, taken: Taken) -> Verdict:
    return verdict(estimated.memory, budget(hardware, settings), reserved=taken.reserved, resident=taken.resident)


def fits(found: Verdict) -> bool:
    return found.level in (Level.SAFE, Level.TIGHT)


def smaller_context(options: LoadOptions, header: Header, hardware: Hardware, room: int) -> LoadOptions | None:
    """`options` with the largest context, halved again and again, that needs at most `room` bytes; None where even
    the least does not."""
    context = (options.context or 0) // 2
    while context >= LEAST_CONTEXT:
        candidate = replace(options, context=context)
        if need(header, candidate, hardware).memory <= room:
            return candidate
        context //= 2
    return None


def too_large(
    path: str, found: Verdict, estimated: Estimate, options: LoadOptions, loaded: Iterable[str]
) -> EngineError:
    """The refusal, with the numbers and what would help."""
    names = [Path(p).name for p in loaded]
    fixed = estimated.memory - estimated.kv - estimated.compute
    ways = []
    if fixed < found.limit:
        ways.append("use a smaller context (--context)")
    if names:
        ways.append(f"wait until {' and '.join(names)} {'is' if len(names) == 1 else 'are'} no longer in use")
    ways.append("choose a smaller model or quantisation")
    if found.level is Level.OVER:
        ways.append("raise memory.budget in config.toml")
    return EngineError(
        ErrorCode.TOO_LARGE,
        f"{Path(path).name} does not fit into memory",
        detail=f"It {found.reason}. Weights {bytes_text(estimated.weights + estimated.repacked)}, "
        f"KV cache {bytes_text(estimated.kv)} for {options.context} tokens, "
        f"compute {bytes_text(estimated.compute + estimated.output)}.",
        mend=f"{'; or '.join(ways)}.".capitalize(),
        data={
            "needs": found.needs,
            "limit": found.limit,
            "level": found.level.value,
            "context": options.context,
            "loaded": names,
        },
    )


def anonymous_memory(pid: int) -> int | None:
    """Bytes that the process `pid` has for itself, files that it maps excluded; None where that is not known."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def resident_memory(pid: int) -> int | None:
    """Bytes of the process `pid` in memory, mapped files included; None where that is not known."""
    import psutil  # 45 ms, so not before somebody asks

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
