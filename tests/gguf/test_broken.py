"""Files that are no models, cut short or hostile: each is refused with the right kind, and cheaply."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import pytest
from gguf_files import array, head, key, tensor, text, write

from offgrid_tui.foundation.errors import ExitCode, NotFoundError
from offgrid_tui.gguf.errors import GgufError, GgufProblem
from offgrid_tui.gguf.reader import parse_header, read_header
from offgrid_tui.gguf.source import MemorySource

HUGE = 2**62
U8, STRING, ARRAY = 0, 8, 9


class Zeros:
    """A few bytes, and then zeros up to `size`: a file as large as its header likes to claim. Counts what is read."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.fetched = data, size, 0

    def read_at(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        self.fetched += size
        return self.data[offset : offset + size].ljust(size, b"\0")


def problem(data: bytes, size: int | None = None) -> GgufProblem:
    with pytest.raises(GgufError) as caught:
        parse_header(MemorySource(data) if size is None else Zeros(data, size))
    assert caught.value.exit_code is ExitCode.DAMAGED
    assert caught.value.title
    assert caught.value.mend
    return caught.value.problem


@pytest.mark.parametrize("data", [b"PK\x03\x04" + b"\0" * 100, b"<!DOCTYPE html>", b"lmgg" * 10, b"GGUX", b"\0" * 64])
def test_another_format(data: bytes) -> None:
    assert problem(data) is GgufProblem.NOT_GGUF


@pytest.mark.parametrize("data", [b"", b"G", b"GGUF", b"GGUF\3\0\0\0", head(tensors=1), head(keys=1)])
def test_cut_at_once(data: bytes) -> None:
    assert problem(data) is GgufProblem.TRUNCATED


def test_cut_anywhere(tmp_path: Path) -> None:
    data = write(tmp_path / "a.gguf", vocabulary=40).read_bytes()
    last = 24 * 3 * 4  # of the last tensor, whose padding may be missing
    whole = parse_header(MemorySource(data))
    end = whole.data_offset + whole.tensors[-1].offset + last
    for size in range(0, end, 37):
        assert problem(data[:size]) is GgufProblem.TRUNCATED, size
    assert parse_header(MemorySource(data[:end])).tensors == whole.tensors


@pytest.mark.parametrize(
    "data",
    [
        head(version=1),
        head(version=4),
        head(tensors=HUGE),
        head(tensors=2**64 - 1),
        head(keys=HUGE),
        head(keys=1) + struct.pack("<Q", HUGE) + b"\0" * 64,
        head(keys=1) + struct.pack("<Q", 2**16) + b"k" * 2**16,
        head(keys=1) + key("", U8, b"\1"),
        head(keys=2) + key("twice", U8, b"\1") * 2,
        head(keys=1) + key("unknown type", 13, b"\0" * 8),
        head(keys=1) + key("text", STRING, struct.pack("<Q", HUGE)),
        head(keys=1) + array("numbers", 4, HUGE),
        head(keys=1) + array("texts", STRING, HUGE),
        head(keys=1) + array("nested", ARRAY, HUGE),
        head(keys=1) + array("unknown items", 99, 1, b"\0" * 8),
        head(keys=1) + key("general.alignment", 4, struct.pack("<I", 0)),
        head(keys=1) + key("general.alignment", 4, struct.pack("<I", 48)),
        head(keys=1) + key("general.alignment", STRING, text("32")),
        head(tensors=1) + tensor("t" * 64, (1,)) + b"\0" * 64,
        head(tensors=1) + tensor("five", (1, 1, 1, 1, 1)) + b"\0" * 64,
        head(tensors=1) + tensor("overflow", (2**32, 2**32)) + b"\0" * 64,
        head(tensors=1) + tensor("zero and overflow", (0, 2**33, 2**33)) + b"\0" * 64,
        head(tensors=1) + tensor("removed type", (32,), kind=4) + b"\0" * 64,
        head(tensors=1) + tensor("unknown type", (32,), kind=4000) + b"\0" * 64,
        head(tensors=1) + tensor("half a block", (33,), kind=2) + b"\0" * 64,
        head(tensors=1) + tensor("no whole block", (), kind=2) + b"\0" * 64,
        head(tensors=1) + tensor("not at the start", (1,), offset=32) + b"\0" * 128,
        head(tensors=2) + tensor("same", (1,)) + tensor("same", (1,), offset=32) + b"\0" * 128,
        head(tensors=2) + tensor("a", (16,)) + tensor("overlap", (16,), offset=32) + b"\0" * 256,
        head(tensors=2) + tensor("a", (1,)) + tensor("far", (1,), offset=HUGE) + b"\0" * 256,
    ],
    ids=lambda data: data[24:60].decode("ascii", "replace").replace("\0", "") or "head",
)
def test_a_header_that_contradicts_itself(data: bytes) -> None:
    assert problem(data) is GgufProblem.DAMAGED


@pytest.mark.parametrize("name, count", [("llama.block_count", 513), ("llama.expert_count", 1025)])
def test_figures_at_which_llama_cpp_would_abort(name: str, count: int) -> None:
    architecture = key("general.architecture", STRING, text("llama"))
    assert problem(head(keys=2) + architecture + key(name, 4, struct.pack("<I", count))) is GgufProblem.DAMAGED
    parse_header(MemorySource(head(keys=2) + architecture + key(name, 4, struct.pack("<I", count - 1))))


def test_data_that_ends_inside_a_tensor() -> None:
    data = head(tensors=1) + tensor("t", (1000,))
    assert problem(data + b"\0" * 3000) is GgufProblem.TRUNCATED
    assert problem(data) is GgufProblem.TRUNCATED
    parse_header(MemorySource(data.ljust(-(-len(data) // 32) * 32, b"\0") + b"\0" * 4000))


@pytest.mark.parametrize(
    "data",
    [
        head(keys=1) + array("ten million empty texts", STRING, 10_000_000),
        head(keys=1) + array("ten million empty arrays", ARRAY, 10_000_000),
        head(keys=1) + array("a gigabyte", U8, 2**30),
        head(keys=1) + key("a text of a gigabyte", STRING, struct.pack("<Q", 2**30)),
        head(keys=60_000) + text("first"),
        head(keys=1) + array("deep", ARRAY, 1, struct.pack("<IQ", ARRAY, 1) * 5000),
        head(tensors=130_000),
    ],
    ids=lambda data: data[32:60].decode("ascii", "replace").replace("\0", "") or "tensors",
)
def test_a_large_file_does_not_make_a_hostile_header_dear(data: bytes) -> None:
    """Ten gigabytes behind it: all counts could be true. Little is read, and less is kept."""
    source = Zeros(data, 10 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(GgufError) as caught:
            parse_header(source)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.problem is GgufProblem.DAMAGED
    assert source.fetched < 256 * 2**20
    assert peak < 32 * 2**20


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(GgufError) as caught:
            read_header(path)
        assert caught.value.problem is GgufProblem.NOT_GGUF
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "nothing.gguf", tmp_path / "file" / "below.gguf", tmp_path / "nul\0byte.gguf"):
        with pytest.raises(NotFoundError):
            read_header(path)


def test_names_from_a_stranger_reach_no_terminal(tmp_path: Path) -> None:
    data = head(tensors=1) + tensor("\x1b]52;c;AAAA\x07", (33,), kind=2) + b"\0" * 64
    with pytest.raises(GgufError) as caught:
        parse_header(MemorySource(data))
    assert "\x1b" not in str(caught.value)
    assert "\x07" not in str(caught.value)
