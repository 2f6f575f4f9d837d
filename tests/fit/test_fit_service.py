"""The one call: from a header, from an architecture's numbers, from a size; its levels, alternatives and GPUs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from fit_machines import GIB, machine

from offgrid_tui.fit.estimate import PROGRAM
from offgrid_tui.fit.model import Fit, Level, Sibling, Source, Taken, Way
from offgrid_tui.fit.service import FitService
from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.gguf.header import Header
from offgrid_tui.gguf.reader import read_header
from offgrid_tui.hardware.model import Gpu
from offgrid_tui.settings.schema import EngineSettings, MemorySettings, Settings
from tools.fitmatrix.models import Shape, write

QWEN3_8B = ModelShape(
    architecture="qwen3",
    layers=36,
    embedding=4096,
    heads=(32,),
    kv_heads=(8,),
    key_length=128,
    value_length=128,
    feed_forward=(12288,),
    vocabulary=151936,
    context_trained=40960,
)
Q4_K_M = 5_027_783_488


def service(**memory: object) -> FitService:
    return FitService(Settings(memory=MemorySettings(**memory)))  # type: ignore[arg-type]


def judged(total: int, available: int | None = None, taken: Taken | None = None) -> Fit:
    fit = service(reserve=0.0)
    return fit.of_shape(QWEN3_8B, Q4_K_M, at=fit.snapshot(taken, machine(total, available)))


def test_what_a_model_keeps_for_each_token_is_counted() -> None:
    found = judged(64 * GIB)
    assert found.source is Source.SHAPE
    assert found.estimate.weights == Q4_K_M
    assert found.estimate.kv == 8192 * 36 * 2 * 8 * 128 * 2  # 1.1 GiB at the default context
    assert found.use.context == 8192
    assert found.verdict.level is Level.SAFE
    assert found.alternatives == ()
    assert found.fits


def test_the_four_levels() -> None:
    needs = judged(64 * GIB).verdict.needs
    assert judged(2 * needs + 10).verdict.level is Level.SAFE
    assert judged(int(needs / 0.55)).verdict.level is Level.TIGHT
    assert judged(int(needs / 0.7)).verdict.level is Level.OVER
    assert judged(needs - 1).verdict.level is Level.BLOCKED
    assert judged(64 * GIB, needs - 1).verdict.level is Level.BLOCKED


@pytest.mark.parametrize("policy, share", [("conservative", 0.45), ("balanced", 0.6), ("aggressive", 0.8)])
def test_the_policy_sets_the_share_where_no_budget_is_set(policy: str, share: float) -> None:
    at = service(policy=policy).snapshot(None, machine(100 * GIB, gpus=(Gpu("g", 10 * GIB, 10 * GIB),)))
    assert at.memory.share == int(share * 100 * GIB)
    assert 10 * GIB > at.vram.share > share * 10 * GIB
    at = service(policy=policy, budget=0.3, vram_budget=0.5).snapshot(
        None, machine(100 * GIB, gpus=(Gpu("g", 10 * GIB, 10 * GIB),))
    )
    assert (at.memory.share, at.vram.share) == (30 * GIB, 5 * GIB)


def test_what_other_models_have_been_promised_counts_and_idle_ones_make_room() -> None:
    needs = judged(64 * GIB).verdict.needs
    alone = judged(3 * needs)
    beside = judged(3 * needs, taken=Taken(reserved=needs, resident=needs))
    assert (alone.verdict.level, beside.verdict.level) == (Level.SAFE, Level.OVER)
    assert judged(64 * GIB, needs // 2, Taken(freeable=needs)).verdict.level is Level.SAFE


def test_alternatives_are_such_as_fit() -> None:
    fit = service(reserve=0.0)
    needs = judged(64 * GIB).verdict.needs
    at = fit.snapshot(None, machine(10 * needs, int(needs * 0.93)))
    smaller = Sibling("Q3_K_S", int(Q4_K_M * 0.75))
    smallest = Sibling("Q2_K", int(Q4_K_M * 0.65))
    other = Sibling("qwen3:4b", Q4_K_M // 2, dataclasses.replace(QWEN3_8B, embedding=2560), same=False)
    huge = Sibling("Q8_0", 2 * Q4_K_M)
    found = fit.of_shape(QWEN3_8B, Q4_K_M, at=at, siblings=(smallest, huge, other, smaller))
    assert found.verdict.level is Level.BLOCKED
    ways = {way.way: way for way in found.alternatives}
    assert [(way.way, way.value) for way in found.alternatives] == [
        (Way.KV_TYPE, "q8_0"),
        (Way.CONTEXT, "4096"),
        (Way.QUANTISATION, "Q3_K_S"),
        (Way.MODEL, "qwen3:4b"),
    ]
    assert all(way.level in (Level.SAFE, Level.TIGHT) for way in found.alternatives)
    short = fit.of_shape(QWEN3_8B, Q4_K_M, use=fit.use(40960, context=4096), at=at)
    assert short.verdict.needs == ways[Way.CONTEXT].needs
    assert "4096 tokens" in ways[Way.CONTEXT].text
    hopeless = fit.of_shape(QWEN3_8B, Q4_K_M, at=fit.snapshot(None, machine(GIB)), siblings=(smaller,))
    assert hopeless.alternatives == ()
    assert fit.of_shape(QWEN3_8B, Q4_K_M, at=at, siblings=None).alternatives == ()


def test_a_size_alone_gives_a_rough_figure() -> None:
    fit = service()
    at = fit.snapshot(None, machine(64 * GIB))
    found = fit.of_size(GIB, at=at)
    assert found.source is Source.SIZE
    assert found.verdict.needs == GIB + GIB // 2 + PROGRAM
    assert fit.of_size(GIB, fit.use(context=32768), at=at).verdict.needs == GIB + int(GIB * 0.8) + PROGRAM


def test_a_quantised_cache_needs_flash_attention() -> None:
    fit = FitService(Settings(engine=EngineSettings(kv_type="q8_0")))
    assert fit.use().flash_attention
    assert not service().use().flash_attention
    assert service().use(2048).context == 2048
    assert service().use(131072).context == 8192


# ── header and shape ───────────────────────────────────────────────────────────────────────────────────────────────


def shape_of(header: Header, **more: object) -> ModelShape:
    """What a list of architectures would say of the model in `header`."""
    return ModelShape(
        architecture=header.architecture,
        layers=header.layers,
        embedding=header.embedding,
        heads=header.heads,
        kv_heads=header.kv_heads,
        key_length=header.key_length,
        value_length=header.value_length,
        feed_forward=header.per_layer("{arch}.feed_forward_length", 0),
        vocabulary=header.vocabulary,
        context_trained=header.context_trained,
        **more,  # type: ignore[arg-type]
    )


SHAPES: list[tuple[Shape, dict[str, object]]] = [
    (Shape("a", "llama", embedding=1024, heads=16, kv_heads=8, vocabulary=32000), {}),
    (Shape("b", "starcoder2", embedding=1024, heads=16, kv_heads=2, forward=12288), {}),
    (
        Shape("c", "gemma3", layers=12, heads=4, head=256, kv_heads=1, window=512),
        {"window": 512, "windowed": (True,) * 5 + (False,) + (True,) * 5 + (False,)},
    ),
    (
        Shape("d", "qwen3moe", embedding=1024, heads=16, experts=32, experts_used=8, forward=768),
        {"experts": 32, "experts_used": 8, "expert_forward": 768},
    ),
]


@pytest.mark.parametrize("shape, more", SHAPES, ids=[shape.arch for shape, _ in SHAPES])
def test_the_numbers_of_an_architecture_say_what_its_header_says(
    tmp_path: Path, shape: Shape, more: dict[str, object]
) -> None:
    header = read_header(write(shape, tmp_path))
    fit = service()
    at = fit.snapshot()
    for use in (fit.use(context=2048), fit.use(context=16384, kv_type="q8_0")):
        by_header = fit.of_header(header, use, at=at).estimate
        by_shape = fit.of_shape(shape_of(header, **more), header.file_size, use=use, at=at).estimate
        assert (by_shape.kv, by_shape.compute, by_shape.output) == (by_header.kv, by_header.compute, by_header.output)
        # No merge rules in these files: they are part of the program's figure.
        assert by_shape.memory - by_shape.program == pytest.approx(by_header.memory - by_header.program, rel=0.01)


# ── GPUs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gpu_takes_as_many_layers_as_fit() -> None:
    fit = FitService(Settings(memory=MemorySettings(reserve=0.0)), on_gpu=True)

    def on(free: int) -> Fit:
        return fit.of_shape(
            QWEN3_8B, Q4_K_M, at=fit.snapshot(None, machine(64 * GIB, gpus=(Gpu("g", 80 * GIB, free),)))
        )

    whole, part, none = on(80 * GIB), on(5 * GIB), on(GIB // 2)
    assert whole.use.gpu_layers == 37
    assert 0 < part.use.gpu_layers < 37
    assert none.use.gpu_layers == 0
    assert whole.gpu is not None and whole.gpu.level is Level.SAFE
    assert none.gpu is None
    assert whole.estimate.memory < part.estimate.memory < none.estimate.memory
    assert part.estimate.gpu <= 5 * GIB


def test_what_is_asked_of_a_gpu_that_it_does_not_have_is_blocked() -> None:
    fit = FitService(Settings(), on_gpu=True)
    at = fit.snapshot(None, machine(64 * GIB, gpus=(Gpu("g", 4 * GIB, 4 * GIB),)))
    found = fit.of_shape(QWEN3_8B, Q4_K_M, use=fit.use(gpu_layers=37), at=at)
    assert found.verdict.level is Level.BLOCKED
    assert "of GPU memory" in found.verdict.reason


def test_a_gpu_without_memory_of_its_own_takes_the_machines() -> None:
    fit = FitService(Settings(memory=MemorySettings(reserve=0.0)), on_gpu=True)
    needs = judged(64 * GIB).verdict.needs
    shared = Gpu("g", 2 * needs, 2 * needs, unified=True)
    found = fit.of_shape(QWEN3_8B, Q4_K_M, at=fit.snapshot(None, machine(int(1.3 * needs), gpus=(shared,))))
    assert found.use.gpu_layers == 37
    assert found.verdict.level is Level.OVER
    assert found.verdict.needs == pytest.approx(needs, rel=0.01)
