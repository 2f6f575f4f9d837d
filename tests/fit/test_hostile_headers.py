"""A header is a stranger's: whatever it says of a model's shape, the estimator gives a figure and no exception."""

from __future__ import annotations

import random
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.model import Use
from offgrid_tui.foundation.errors import DamagedError
from offgrid_tui.gguf.reader import parse_header, read_header
from offgrid_tui.gguf.source import MemorySource
from tools.fitmatrix.models import Shape, write

VALUES = [0, 1, 3, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1]


def test_mutated_metadata(tmp_path: Path) -> None:
    chance = random.Random(7)
    files = []
    for architecture in ("llama", "gemma3", "qwen3moe", "phi3"):
        shape = Shape(architecture, architecture, kv_heads=(2, 4), window=512, experts=4, experts_used=2)
        path = write(shape, tmp_path)
        files.append((path.read_bytes()[:8192], path.stat().st_size))
    estimated = 0
    for _ in range(1500):
        data, size = chance.choice(files)
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(24, 1200)
            mutant[place : place + 4] = struct.pack("<I", chance.choice(VALUES))
        try:
            header = parse_header(MemorySource(bytes(mutant), size))
        except DamagedError:
            continue
        needed = estimate(header, Use(context=4096), ("AVX2",))
        assert min(needed.weights, needed.kv, needed.recurrent, needed.compute, needed.output, needed.gpu) >= 0
        assert needed.total >= needed.program
        estimated += 1
    assert estimated > 100


def test_counts_that_no_model_has(tmp_path: Path) -> None:
    """They make the figure absurd, and cost nothing: neither time nor memory grows with what a header states."""
    shape = Shape("absurd", "qwen3moe", experts=4, experts_used=2)
    header = read_header(write(shape, tmp_path))
    for key in ("expert_used_count", "attention.head_count", "attention.key_length", "feed_forward_length"):
        absurd = replace(header, metadata={**header.metadata, f"qwen3moe.{key}": 2**32 - 1})
        tracemalloc.start()
        try:
            assert estimate(absurd, Use(context=4096)).compute > 0
            assert tracemalloc.get_traced_memory()[1] < 4 * 2**20, key
        finally:
            tracemalloc.stop()
