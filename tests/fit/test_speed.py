"""How fast a model would write: from what it reads, corrected by what was measured."""

from __future__ import annotations

import dataclasses

import pytest

from offgrid_tui.fit.shape import ModelShape
from offgrid_tui.fit.speed import EFFICIENCY, MOST, Measured, SpeedEstimator, active_share, bytes_per_token

DENSE = ModelShape(
    architecture="llama",
    layers=32,
    embedding=4096,
    heads=(32,),
    kv_heads=(8,),
    key_length=128,
    value_length=128,
    feed_forward=(14336,),
    vocabulary=128256,
    context_trained=131072,
)
# Qwen3 30B A3B: 3.3 of its 30.5 billion parameters see a token.
MIXTURE = dataclasses.replace(
    DENSE, layers=48, embedding=2048, experts=128, experts_used=8, expert_forward=768, parameters=30_532_122_624
)


def test_twice_the_weights_take_twice_the_time() -> None:
    speeds = SpeedEstimator(20e9)
    small, large = speeds.tokens_per_second(10**9), speeds.tokens_per_second(2 * 10**9)
    assert small is not None and large is not None
    assert small == pytest.approx(1 / (1 / (20 * EFFICIENCY) + 0.0005))
    assert 1.9 < small / large < 2.0


def test_of_a_mixture_only_what_a_token_sees_is_read() -> None:
    assert bytes_per_token(5_000, DENSE) == bytes_per_token(5_000, None) == 5_000
    assert active_share(MIXTURE) == pytest.approx(3.35 / 30.53, rel=0.02)
    assert bytes_per_token(18_600_000_000, MIXTURE) == pytest.approx(2.04e9, rel=0.02)
    assert 0 < active_share(dataclasses.replace(MIXTURE, parameters=None)) < 0.2


def test_what_was_measured_corrects_the_estimate() -> None:
    told: list[Measured] = []
    speeds = SpeedEstimator(20e9, lambda: told)
    assert speeds.efficiency() == EFFICIENCY
    told += [Measured(10**9, 10.0), Measured(2 * 10**9, 5.0), Measured(10**9, 11.0)]
    assert speeds.efficiency() == pytest.approx(0.5, rel=0.02)
    assert speeds.tokens_per_second(10**9) == pytest.approx(10, rel=0.02)
    told[:] = [Measured(10**6, 1999.0), Measured(10**9, 1e9)]  # a model inside a cache; a clock that stood still
    assert speeds.efficiency() <= MOST


def test_without_a_rate_there_is_no_figure() -> None:
    assert SpeedEstimator(None).tokens_per_second(10**9) is None
    assert SpeedEstimator(20e9).tokens_per_second(0) is None
    assert SpeedEstimator(None).tokens_per_second(10**9, on_gpu=True) is not None
