"""Our reading of a file beside the gguf package's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gguf

from offgrid_tui.gguf.header import Header, Stored
from offgrid_tui.gguf.reader import parse_header
from offgrid_tui.gguf.source import FileSource


def read_all(path: Path) -> Header:
    """The header with every array and text in it."""
    with FileSource(path) as source:
        return parse_header(source, kept_items=10**9, kept_bytes=10**9)


def reference(path: Path) -> gguf.GGUFReader:
    return gguf.GGUFReader(path)


def assert_agrees(path: Path) -> Header:
    """Fails on the first difference in metadata, tensors or layout."""
    ours, theirs = read_all(path), reference(path)
    fields = {name: field for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
    assert list(ours.metadata) == list(fields)
    for name, field in fields.items():
        assert_same(name, ours.metadata[name], field.contents())
    assert [t.name for t in ours.tensors] == [t.name for t in theirs.tensors]
    for mine, other in zip(ours.tensors, theirs.tensors, strict=True):
        assert mine.shape == tuple(int(n) for n in other.shape)
        assert mine.kind.name == other.tensor_type.name
        assert mine.elements == other.n_elements
        assert mine.size == other.n_bytes
        assert ours.data_offset + mine.offset == other.data_offset
    assert ours.parameters == sum(t.n_elements for t in theirs.tensors)
    assert ours.alignment == theirs.alignment
    return ours


def assert_same(name: str, mine: Any, other: Any) -> None:
    if isinstance(mine, Stored):
        assert mine.size > 2**20, f"{name} was left in the file"
        return
    if isinstance(mine, tuple):
        assert len(mine) == len(other), name
        for a, b in zip(mine, other, strict=True):
            assert_same(name, a, b)
    elif isinstance(mine, float):
        assert mine == other or (math.isnan(mine) and math.isnan(other)), name
    else:
        assert type(mine) is type(other), name
        assert mine == other, name
