"""What a header says about a model, as the list keeps it; and whether it is a model at all."""

from __future__ import annotations

from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.foundation.text import clean_line
from offgrid_tui.gguf import facts
from offgrid_tui.gguf.header import Header
from offgrid_tui.library.model import Facts


def facts_of(header: Header, *, projector: bool = False) -> Facts:
    """`projector`: whether a file that lets the model see came with it."""
    found = facts.facts_of(header)
    capabilities = found.capabilities
    if projector and "vision" not in capabilities:
        capabilities = tuple(name for name in facts.CAPABILITIES if name in capabilities or name == "vision")
    return Facts(
        architecture=found.architecture,
        parameters=found.parameters or None,
        quantisation=clean_line(found.quantisation, 40),
        context=found.context or None,
        licence=found.licence,
        capabilities=capabilities,
        template=found.template,
    )


def require_model(header: Header, name: str) -> None:
    """Go on only if the header is that of a whole model.

    Raises:
        DamagedError: it is an adapter, a projector or a vocabulary alone.
    """
    kind = header.text("general.type") or "model"
    if facts.is_projector(header):
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
