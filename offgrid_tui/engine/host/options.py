"""How a model is loaded where nobody said how, and whether a loaded one serves what is asked."""

from __future__ import annotations

from dataclasses import fields, replace

from offgrid_tui.engine.contract import LoadOptions
from offgrid_tui.fit.use import DEFAULT_CONTEXT
from offgrid_tui.settings.schema import EngineSettings

_UNSET = LoadOptions()


def complete(asked: LoadOptions, settings: EngineSettings, cores: int, trained: int) -> LoadOptions:
    """`asked`, filled up from the settings and then from what this machine and the model are.

    Decoding leaves one core to everything else: measured, a decode that wants all cores falls to a tenth of its speed
    as soon as another process wants one. Reading a prompt takes all.

    Args:
        cores: physical cores that may be used.
        trained: tokens that the model was trained on; 0 where its file does not say.
    """
    context = asked.context or settings.context or min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT)
    return replace(
        asked,
        context=context,
        slots=asked.slots or settings.slots,
        batch=asked.batch or settings.batch,
        threads=asked.threads or settings.threads or max(1, cores - 1),
        threads_batch=asked.threads_batch or settings.threads_batch or max(1, cores),
        gpu_layers=settings.gpu_layers if asked.gpu_layers is None else asked.gpu_layers,
        kv_type_k=asked.kv_type_k or settings.kv_type,
        kv_type_v=asked.kv_type_v or settings.kv_type,
        flash_attention=settings.flash_attention if asked.flash_attention is None else asked.flash_attention,
        mmap=settings.mmap if asked.mmap == _UNSET.mmap else asked.mmap,
        mlock=settings.mlock if asked.mlock == _UNSET.mlock else asked.mlock,
    )


def differences(loaded: LoadOptions, asked: LoadOptions) -> list[str]:
    """What was asked for by name and is otherwise in the loaded model, in words; empty where it serves."""
    found = []
    for option in fields(LoadOptions):
        want, have = getattr(asked, option.name), getattr(loaded, option.name)
        if want != getattr(_UNSET, option.name) and want != have:
            found.append(f"{option.name.replace('_', ' ')} {have} where {want} is asked")
    return found
