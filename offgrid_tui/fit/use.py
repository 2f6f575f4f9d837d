"""How a model is loaded where nobody says how: what the engine host does, and so what every estimate assumes."""

from __future__ import annotations

from offgrid_tui.fit.model import Use
from offgrid_tui.settings.schema import EngineSettings

DEFAULT_CONTEXT = 8192  # tokens, where neither a person nor the model's training says less
LEAST_CONTEXT = 2048  # what is chosen for lack of memory is never less
AUTO_LAYERS = -1  # of a Use: as many layers on the GPUs as fit
PLAIN_TYPES = ("f32", "f16", "bf16")  # a KV cache of any other type needs flash attention
_PLAIN = Use(context=DEFAULT_CONTEXT)


def default_use(
    settings: EngineSettings,
    trained: int | None = None,
    *,
    context: int | None = None,
    kv_type: str | None = None,
    gpu_layers: int | None = None,
    on_gpu: bool = False,
) -> Use:
    """The `Use` of a conversation.

    Args:
        trained: tokens that the model was trained on; None or 0 where nobody says.
        context, kv_type, gpu_layers: as somebody asks for them, instead of the settings.
        on_gpu: where nobody says how many layers go there, as many as fit do.
    """
    kind = kv_type or settings.kv_type or "f16"
    flash = settings.flash_attention
    layers = settings.gpu_layers if gpu_layers is None else gpu_layers
    if layers is None:
        layers = AUTO_LAYERS if on_gpu else 0
    return Use(
        context=context or settings.context or min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT),
        slots=settings.slots or _PLAIN.slots,
        batch=settings.batch or _PLAIN.batch,
        kv_type_k=kind,
        kv_type_v=kind,
        flash_attention=kind not in PLAIN_TYPES if flash is None else flash,
        gpu_layers=layers,
        mmap=settings.mmap,
        mlock=settings.mlock,
    )
