"""The estimate beside what the real llama.cpp says it allocates, for models of many shapes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fit_models import Q, Shape, write

from offgrid_tui.fit.estimate import estimate
from offgrid_tui.fit.model import Use
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.probe import probe
from tests.support.engine import engine_python

EXACT = 0.005  # llama.cpp prints hundredths of a MiB
COMPUTE = 0.12  # of the compute buffer, whose graph we only approximate
TOTAL = 0.05
MIB = 2**20

LATENT = (
    ("{arch}.attention.kv_lora_rank", 512),
    ("{arch}.attention.q_lora_rank", 256),
    ("{arch}.rope.dimension_count", 64),
    ("{arch}.attention.key_length_mla", 192),
    ("{arch}.attention.value_length_mla", 128),
    ("{arch}.leading_dense_block_count", 2),
    ("{arch}.expert_shared_count", 0),
    ("{arch}.expert_feed_forward_length", 256),
)
STATE = (
    ("{arch}.ssm.inner_size", 2048),
    ("{arch}.ssm.state_size", 16),
    ("{arch}.ssm.conv_kernel", 4),
    ("{arch}.ssm.time_step_rank", 64),
)


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
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Header, dict[str, float]]]:
    """Each case's header, and llama.cpp's own figures; one process loads all of them."""
    folder = tmp_path_factory.mktemp("shapes")
    paths = [write(case.shape, folder) for case in CASES]
    work = [[str(path), _context_parameters(case.use)] for path, case in zip(paths, CASES, strict=True)]
    done = subprocess.run(
        [engine_python(), str(Path(__file__).with_name("llama_memory.py"))],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    sizes = json.loads(done.stdout.splitlines()[-1])
    return {case.shape.name: (read_header(path), size) for case, path, size in zip(CASES, paths, sizes, strict=True)}


def _context_parameters(use: Use) -> dict[str, object]:
    types = {"f16": 1, "q8_0": 8}
    return {
        "n_ctx": use.context,
        "n_batch": use.batch,
        "n_ubatch": use.batch,
        "n_seq_max": use.slots,
        "n_outputs_max": use.outputs or use.slots,
        "flash_attn_type": int(use.flash_attention),
        "type_k": types[use.kv_type_k],
        "type_v": types[use.kv_type_v],
        "kv_unified": use.unified,
        "swa_full": use.full_window,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.shape.name)
def test_estimate_agrees_with_llama_cpp(case: Case, measured: dict[str, tuple[Header, dict[str, float]]]) -> None:
    header, real = measured[case.shape.name]
    found = estimate(header, case.use, probe().cpu.features)
    for kind in ("weights", "repacked", "kv", "recurrent", "output"):
        assert getattr(found, kind) == pytest.approx(real[kind], rel=EXACT, abs=0.02 * MIB), kind
    assert found.compute == pytest.approx(real["compute"], rel=COMPUTE)
    total = found.total - found.program
    assert total == pytest.approx(sum(real.values()), rel=TOTAL)
