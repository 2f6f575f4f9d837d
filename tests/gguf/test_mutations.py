"""Thousands of broken headers: each ends in a typed error or in a header whose promises hold, at a bounded price."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gguf
from gguf_files import write

from offgrid_tui.gguf.errors import GgufError
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import MAX_LAYERS, parse_header
from offgrid_tui.gguf.source import MemorySource

ROUNDS = 5000
HOSTILE = [0, 1, 7, 31, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1]


class Counting(MemorySource):
    """Memory that counts what is asked of it: the price, without a clock."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.calls = self.fetched = 0

    def read_at(self, offset: int, size: int) -> bytes:
        data = super().read_at(offset, size)
        self.calls += 1
        self.fetched += len(data)
        return data


def seeds(folder: Path) -> list[bytes]:
    quantised = (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.Q4_K)
    paths = [
        write(folder / "small.gguf", vocabulary=20, text_length=100),
        write(folder / "big-endian.gguf", vocabulary=20, text_length=100, big=True),
        write(folder / "quantised.gguf", vocabulary=20, text_length=100, kinds=quantised, alignment=64),
    ]
    return [path.read_bytes() for path in paths]


def mutants(originals: list[bytes], rounds: int) -> Iterator[bytes]:
    """One to four changes each: bits, bytes, hostile numbers, cuts, copies and swaps."""
    chance = random.Random(20)
    for _ in range(rounds):
        data = bytearray(chance.choice(originals))
        # Most changes hit the first kilobytes, where the structure is; the rest anywhere.
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(min(len(data), chance.choice([32, 2000, len(data)])) or 1)
            match chance.randrange(7):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    data[place] = chance.randrange(256)
                case 2:
                    packed = struct.pack("<Q", chance.choice(HOSTILE))
                    data[place : place + 8] = packed if chance.random() < 0.5 else packed[::-1]
                case 3:
                    data[place : place + 4] = struct.pack("<I", chance.choice(HOSTILE) & 0xFFFFFFFF)
                case 4:
                    del data[place : place + chance.choice([1, 4, 8, 100])]
                case 5:
                    data[place:place] = data[max(0, place - 40) : place]
                case 6:
                    del data[chance.randrange(len(data) + 1) :]
            data = data or bytearray(b"G")
        yield bytes(data)


def check(header: Header) -> None:
    """What everybody who gets a header may rely on."""
    for tensor in header.tensors:
        assert tensor.offset % header.alignment == 0
        assert header.data_offset + tensor.offset + tensor.size <= header.file_size
    assert header.layers <= MAX_LAYERS
    assert len(header.heads) == len(header.kv_heads) == header.layers
    assert header.parameters >= 0
    assert header.weights <= header.file_size
    described = (header.architecture, header.name, header.quantisation, header.tokenizer, header.chat_template or "")
    assert all(isinstance(text, str) for text in described)
    numbers = (header.context_trained, header.embedding, header.key_length, header.value_length, header.vocabulary)
    assert all(number >= 0 for number in numbers)
    assert header.split is None or header.split.count > 1


def test_mutated_headers(tmp_path: Path) -> None:
    ends: Counter[str] = Counter()
    tracemalloc.start()
    try:
        for data in mutants(seeds(tmp_path), ROUNDS):
            source = Counting(data)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                check(parse_header(source))
                ends["valid"] += 1
            except GgufError as error:
                ends[error.problem.value] += 1
            assert tracemalloc.get_traced_memory()[1] - before < 8 * len(data) + 2**20
            assert source.fetched <= 2 * len(data) + 4
            assert source.calls < 10
    finally:
        tracemalloc.stop()
    assert sum(ends.values()) == ROUNDS
    assert all(ends[kind] > ROUNDS / 50 for kind in ("valid", "not_gguf", "truncated", "damaged")), ends
