"""How much memory a model needs, from its header alone."""

from __future__ import annotations

from offgrid_tui.fit.model import Estimate, Use
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.types import BY_NAME

PROGRAM = 80 * 2**20


def estimate(header: Header, use: Use) -> Estimate:
    """The memory that loading `header`'s model for `use` takes."""
    rows = use.context
    key = sum(heads * header.key_length for heads in header.kv_heads)
    value = sum(heads * header.value_length for heads in header.kv_heads)
    kv = rows * (_bytes(use.kv_type_k, key) + _bytes(use.kv_type_v, value))
    compute = use.ubatch * (header.vocabulary + 8 * header.embedding) * 4
    if not use.flash_attention:
        compute = max(compute, use.ubatch * rows * max(header.heads, default=0) * 4)
    output = header.vocabulary * use.slots * 4
    return Estimate(header.weights, 0, kv, 0, compute, output, PROGRAM)


def _bytes(kind: str, elements: int) -> int:
    return BY_NAME[kind.upper()].bytes_for(elements)
