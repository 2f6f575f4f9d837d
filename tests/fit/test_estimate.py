"""The estimate beside what the real llama.cpp says it allocates, for models of many shapes.

The whole matrix is `python -m tools.fitmatrix`; here stands what decides each of its rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from offgrid_tui.fit.model import Use
from tests.support.engine import engine_python
from tools.fitmatrix.compare import Row, compare, uses
from tools.fitmatrix.models import Q, Shape
from tools.fitmatrix.shapes import LATENT, REAL, SMALL, STATE

EXACT = 0.005  # llama.cpp prints hundredths of a MiB
COMPUTE = 0.05
MIB = 2**20


@dataclass(frozen=True)
class Case:
    shape: Shape
    use: Use = field(default=Use(context=4096))


BIG = Shape("plain", "llama", layers=4, embedding=1024, heads=16, kv_heads=8, forward=4096, vocabulary=32000)
CASES = [
    Case(BIG),
    Case(replace(BIG, name="prefill-512"), Use(context=8192, batch=512, slots=1)),
    Case(replace(BIG, name="all-outputs"), Use(context=2048, batch=512, slots=1, outputs=512)),
    Case(replace(BIG, name="flash"), Use(context=16384, flash_attention=True)),
    Case(replace(BIG, name="flash-q8"), Use(context=16384, flash_attention=True, kv_type_k="q8_0", kv_type_v="q8_0")),
    Case(replace(BIG, name="apart"), Use(context=4096, slots=4, unified=False)),
    Case(replace(BIG, name="odd-context"), Use(context=1000, slots=3, unified=False)),
    Case(replace(BIG, name="q4_0", kind=Q.Q4_0)),
    Case(replace(BIG, name="q4_k-tied", kind=Q.Q4_K, tied=True)),
    Case(replace(BIG, name="q6_k", kind=Q.Q6_K)),
    Case(Shape("wide-vocabulary", "qwen3", embedding=1024, heads=16, kv_heads=8, head=128, vocabulary=151936)),
    Case(Shape("biases", "qwen2", embedding=896, heads=14, kv_heads=2, forward=4864, vocabulary=151936, tied=True)),
    Case(Shape("fused", "phi3", embedding=1024, heads=16, kv_heads=16, forward=3072, vocabulary=32064)),
    Case(Shape("no-gate", "starcoder2", embedding=1024, heads=16, kv_heads=2, forward=12288, vocabulary=49152)),
    Case(Shape("experts", "llama", layers=4, embedding=512, experts=8, experts_used=2, forward=2048)),
    Case(Shape("many-experts", "qwen3moe", embedding=1024, heads=16, experts=32, experts_used=8, forward=768)),
    Case(Shape("window-2", "gemma2", layers=6, embedding=1024, heads=8, window=512, tied=True, forward=4096)),
    Case(Shape("window-6", "gemma3", layers=12, embedding=1024, heads=4, head=256, kv_heads=1, window=512)),
    Case(
        Shape("window-full", "gemma3", layers=12, embedding=1024, heads=4, head=256, kv_heads=1, window=512),
        Use(context=4096, full_window=True),
    ),
    Case(Shape("latent", "deepseek2", embedding=512, heads=16, kv_heads=1, head=576, value=512, keys=LATENT)),
    Case(Shape("state", "mamba", layers=4, embedding=1024, forward=0, vocabulary=32000, keys=STATE)),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """Each case, really loaded; one process loads all of them."""
    work = [(case.shape, [case.use], True) for case in CASES]
    rows = compare(engine_python(), tmp_path_factory.mktemp("loaded"), work, real=True)
    return {row.shape.name: row for row in rows}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shape.name)
def test_estimate_agrees_with_llama_cpp(case: Case, loaded: dict[str, Row]) -> None:
    row = loaded[case.shape.name]
    for kind in ("weights", "repacked", "kv", "recurrent", "output"):
        assert row.ours[kind] == pytest.approx(row.theirs[kind], rel=EXACT, abs=0.02 * MIB), kind
    assert row.ours["compute"] == pytest.approx(row.theirs["compute"], rel=COMPUTE)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Small models of every architecture and real shapes, at the ends of what they are used with, nothing loaded."""
    ends = list(uses(contexts=(512, 32768), batches=(64, 512)))
    chosen = {"Qwen3 4B", "Llama 3.3 70B", "DeepSeek V2 Lite", "Granite 4.0 H Tiny"}
    work = [(shape, ends, True) for shape in (*SMALL, *(shape for shape in REAL if shape.name in chosen))]
    return compare(engine_python(), tmp_path_factory.mktemp("planned"), work)


def test_caches_and_scratch_memory_agree_over_the_matrix(planned: list[Row]) -> None:
    assert len(planned) == 12 * (len(SMALL) + 4)
    off = [
        (row.shape.name, row.use.context, row.use.batch, kind, row.ours[kind], row.theirs[kind])
        for row in planned
        for kind in ("kv", "recurrent", "output", "compute")
        # Half a MiB is nothing beside the program itself.
        if abs(row.miss(kind)) > COMPUTE and abs(row.ours[kind] - row.theirs[kind]) > MIB / 2
    ]
    assert off == []


def test_weights_arranged_anew_or_not(tmp_path: Path) -> None:
    shape = replace(BIG, name="either", kind=Q.Q4_0)
    for row in compare(
        engine_python(), tmp_path, [(shape, [Use(context=512)], flag) for flag in (True, False)], real=True
    ):
        assert row.miss("weights") == row.miss("repacked") == 0.0
