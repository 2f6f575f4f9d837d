"""Every quantisation of a model at several contexts and types of the KV cache: what each needs, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offgrid_tui.fit.model import Fit, Snapshot
from offgrid_tui.fit.service import FitService
from offgrid_tui.foundation.errors import OffGridError
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.models.details import ModelDetails, VariantDetails

CONTEXTS = (4096, 8192, 16384, 32768, 65536, 131072)
KV_TYPES = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class Row:
    """A variant: one answer for each context, None where nothing can be said."""

    variant: VariantDetails
    fits: tuple[Fit | None, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """All variants with one type of KV cache."""

    kv_type: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    contexts: tuple[int, ...]
    blocks: tuple[Block, ...]


def contexts_for(trained: int | None, wanted: int | None) -> tuple[int, ...]:
    """The contexts to compare: none beyond what the model was trained for, and the one that would be used."""
    found = {c for c in CONTEXTS if trained is None or c <= trained}
    found |= {wanted} if wanted else set()
    found |= {trained} if trained is not None and trained < CONTEXTS[0] else set()
    return tuple(sorted(found))[: len(CONTEXTS)]


def matrix(details: ModelDetails, service: FitService, at: Snapshot, kv_types: Sequence[str] = KV_TYPES) -> Matrix:
    """Blocking: reads the headers of files that are here, and reckons some dozens of estimates."""
    row, model = details.row, details.model
    trained = (row.installed.facts.context if row.installed else None) or (model.context if model else None)
    contexts = contexts_for(trained, service.use(trained).context)
    headers = {one.key: _header(one) for one in details.variants}

    def fit(one: VariantDetails, context: int, kv_type: str) -> Fit | None:
        use = service.use(trained, context=context, kv_type=kv_type)
        header, size = headers[one.key], one.variant.size if one.variant else None
        if header is not None:
            return service.of_header(header, use, at=at, siblings=None)
        if size is None:
            return None
        if model is not None and model.shape is not None and one.variant is not None:
            return service.of_shape(model.shape, size, one.variant.quantisation, use, at=at, siblings=None)
        return None  # of the size alone, the context and the cache's type would be guesses

    return Matrix(
        contexts,
        tuple(
            Block(kv_type, tuple(Row(one, tuple(fit(one, c, kv_type) for c in contexts)) for one in details.variants))
            for kv_type in kv_types
        ),
    )


def _header(one: VariantDetails) -> Header | None:
    if one.installed is None:
        return None
    try:
        return read_model(one.installed.path)
    except OffGridError:
        return None
