"""What a header says about a model, as lists and details show it."""

from __future__ import annotations

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf.header import Header
from offgrid_tui.library.model import Facts

# Encoders: their output is a vector, not a next word.
_ENCODERS = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert", "t5encoder"})
_THINKING = ("<think>", "enable_thinking", "reasoning_content", "<|channel|>", "[THINK]")


def facts_of(header: Header, *, projector: bool = False) -> Facts:
    """`projector`: whether a file that lets the model see came with it."""
    template = header.chat_template or ""
    embedding = header.architecture in _ENCODERS or bool(header.integer("{arch}.pooling_type"))
    capabilities = (
        ("chat", bool(template) and not embedding),
        ("tools", "tools" in template),
        ("thinking", any(mark in template for mark in _THINKING)),
        ("vision", projector),
        ("embedding", embedding),
    )
    return Facts(
        architecture=clean_line(header.architecture, 40),
        parameters=header.parameters or None,
        quantisation=clean_line(header.quantisation, 40),
        context=header.context_trained or None,
        licence=clean_line(header.text("general.license") or "", 80),
        capabilities=tuple(name for name, there in capabilities if there),
        template=bool(template),
    )


def is_projector(header: Header) -> bool:
    """Whether this is what lets another model see or hear (mmproj), not a model itself."""
    return header.architecture == "clip" or header.text("general.type") == "mmproj"


def require_model(header: Header, name: str) -> None:
    """Go on only if the header is that of a whole model.

    Raises:
        DamagedError: it is an adapter, a projector or a vocabulary alone.
    """
    kind = header.text("general.type") or "model"
    if is_projector(header):
        what = "a projector (mmproj), which belongs beside its model"
    elif kind != "model":
        what = f"of the kind {clean_line(kind, 40)}, which is no model of its own"
    elif not header.tensors:
        what = "a vocabulary without weights"
    else:
        return
    raise DamagedError(
        f"{clean_line(name)} can't be used as a model",
        detail=f"It is {what}.",
        mend="Choose the file of the model itself.",
    )
