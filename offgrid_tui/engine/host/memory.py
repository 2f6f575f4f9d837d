"""The memory that all loaded models share: how much one more would take, and whether that is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from offgrid_tui.engine.contract import ErrorCode, LoadOptions
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.fit.alternatives import SMALL_BATCH, shorter_context, smaller_batch
from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.model import Estimate, Fit, Level, Taken, Use, Way
from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.use import AUTO_LAYERS, PLAIN_TYPES
from offgrid_tui.foundation.units import bytes_text
from offgrid_tui.gguf.header import Header
from offgrid_tui.hardware.model import Hardware
from offgrid_tui.settings.schema import Settings

_MEND = {
    Way.BATCH: "set engine.batch to {} in config.toml",
    Way.KV_TYPE: "set engine.kv_type to {} in config.toml",
    Way.CONTEXT: "use a smaller context (--context {})",
}


def use_of(options: LoadOptions) -> Use:
    """How the worker loads by `options` (complete), in the estimator's words."""
    defaults = Use(context=options.context or 0)
    value_type = options.kv_type_v or defaults.kv_type_v
    flash = options.flash_attention
    return replace(
        defaults,
        slots=options.slots or defaults.slots,
        batch=options.batch or defaults.batch,
        kv_type_k=options.kv_type_k or defaults.kv_type_k,
        kv_type_v=value_type,
        flash_attention=value_type not in PLAIN_TYPES if flash is None else flash,
        gpu_layers=max(0, options.gpu_layers or 0),
        mmap=options.mmap,
        mlock=options.mlock,
    )


def need(header: Header, options: LoadOptions, hardware: Hardware) -> Estimate:
    """What loading by `options` (complete) takes.

    Raises:
        EngineError: a KV type that does not exist.
    """
    try:
        return estimate(header, use_of(options), hardware.cpu.features)
    except ValueError as error:
        raise EngineError(ErrorCode.BAD_REQUEST, "The load options cannot be used", detail=str(error)) from None


def judged(
    header: Header, options: LoadOptions, hardware: Hardware, settings: Settings, taken: Taken, *, on_gpu: bool = False
) -> tuple[LoadOptions, Fit]:
    """`options` with the layers that go to the GPUs where nobody said how many, and the answer of `fit/`, which is
    the one that every screen and command gives.

    Args:
        options: complete.
        on_gpu: whether the engine can use a GPU.

    Raises:
        EngineError: a KV type that does not exist.
    """
    service = FitService(settings)
    use = use_of(options)
    choose = on_gpu and options.gpu_layers is None
    if choose:
        use = replace(use, gpu_layers=AUTO_LAYERS)
    try:
        found = service.of_header(header, use, at=service.snapshot(taken, hardware))
    except ValueError as error:
        raise EngineError(ErrorCode.BAD_REQUEST, "The load options cannot be used", detail=str(error)) from None
    return (replace(options, gpu_layers=found.use.gpu_layers) if choose else options), found


def less(
    wanted: LoadOptions, options: LoadOptions, header: Header, hardware: Hardware, room: int, shrinks: bool
) -> LoadOptions | None:
    """`wanted` with less of what nobody asked for, so that it needs at most `room` bytes: first fewer tokens of a
    prompt at once, which costs hardly anything, then half the context, again and again. None where all that is too
    much still.

    Args:
        wanted: as asked for and completed, still open where the engine chooses.
        options: the same with all chosen.
        shrinks: nobody asked for the context.
    """

    def reckon(use: Use) -> Estimate:
        return estimate(header, use, hardware.cpu.features)

    use = use_of(options)
    if wanted.batch is None:
        if (small := smaller_batch(use, reckon, room)) is not None:
            return replace(wanted, batch=small.batch)
        use = replace(use, batch=min(use.batch, SMALL_BATCH))
    if not shrinks or (short := shorter_context(use, reckon, room)) is None:
        return None
    return replace(wanted, context=short.context, batch=use.batch if wanted.batch is None else wanted.batch)


def too_large(path: str, found: Fit, options: LoadOptions, loaded: Iterable[str]) -> EngineError:
    """The refusal, with the numbers and what would help."""
    names = [Path(p).name for p in loaded]
    estimated, judgement = found.estimate, found.verdict
    ways = [_MEND[way.way].format(way.value) for way in found.alternatives if way.way in _MEND]
    if names:
        ways.append(f"wait until {' and '.join(names)} {'is' if len(names) == 1 else 'are'} no longer in use")
    ways.append("choose a smaller model or quantisation")
    if judgement.level is Level.OVER:
        ways.append("raise memory.budget in config.toml")
    return EngineError(
        ErrorCode.TOO_LARGE,
        f"{Path(path).name} does not fit into memory",
        detail=f"It {judgement.reason}. Weights {bytes_text(estimated.weights_needed)}, "
        f"KV cache {bytes_text(estimated.cache)} for {options.context} tokens, "
        f"compute {bytes_text(estimated.compute + estimated.output)}.",
        mend=f"{'; or '.join(ways)}.".capitalize(),
        data={
            "needs": judgement.needs,
            "limit": judgement.limit,
            "level": judgement.level.value,
            "context": options.context,
            "loaded": names,
            "alternatives": [asdict(way) for way in found.alternatives],
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
