"""The status line: true at every width."""

from __future__ import annotations

import pytest

from offgrid_tui.ui.frame.pulse import Activity, Pulse
from offgrid_tui.ui.frame.status import fit
from offgrid_tui.ui.widgets.gauge import Drawing, gauge

GIB = 2**30


def full() -> Pulse:
    return Pulse(
        model="Qwen3 4B",
        activity=Activity.IDLE,
        rate=41.8,
        ttft_ms=180,
        context_used=2540,
        context_size=8192,
        memory_used=int(5.9 * GIB),
        memory_budget=int(14.4 * GIB),
    )


@pytest.mark.parametrize("drawing", list(Drawing))
def test_it_never_grows_wider_than_the_screen(drawing: Drawing) -> None:
    pulse = full()
    pulse.model = "An uncommonly long-winded model name 模型 " * 3
    for width in range(20, 200):
        assert fit(pulse, width, drawing).cell_length <= width


def test_eighty_columns_show_what_matters() -> None:
    text = fit(full(), 78, Drawing.SHADES).plain
    for part in ("Qwen3 4B", "41.8 t/s", "ctx", "31%", "2.5k/8.2k", "RAM", "5.9/14.4 G"):
        assert part in text
    assert "TTFT 180 ms" in fit(full(), 120, Drawing.SHADES).plain


def test_what_was_not_measured_is_a_dash() -> None:
    text = fit(Pulse(model="x"), 120, Drawing.SHADES).plain
    assert "– t/s" in text and "TTFT –" in text and "–/–" in text
    assert not any(char.isdigit() for char in text)


def test_the_least_important_goes_first() -> None:
    order = ["TTFT", "2.5k/8.2k", "RAM", "ctx"]
    left = []
    for width in range(140, 10, -1):
        text = fit(full(), width, Drawing.SHADES).plain
        left.append(tuple(part for part in order if part in text))
    dropped = list(dict.fromkeys(left))
    assert dropped == [tuple(order[i:]) for i in range(len(order) + 1)]


def test_the_engine_is_shown_while_it_is_built() -> None:
    pulse = full()
    pulse.engine = "43/193"
    assert "engine 43/193" in fit(pulse, 78, Drawing.SHADES).plain


def test_loading_and_its_fraction() -> None:
    pulse = full()
    pulse.activity, pulse.fraction = Activity.LOADING, 0.38
    assert "loading 38%" in fit(pulse, 120, Drawing.SHADES).plain


def test_the_rate_is_that_of_the_last_second() -> None:
    pulse = Pulse(model="x")
    pulse.begin()
    for i in range(40):  # 10 t/s for four seconds
        pulse.grew(i + 1, 200 + 100.0 * i)
    assert pulse.rate == pytest.approx(10)
    for i in range(200):  # then 100 t/s for two
        pulse.grew(41 + i, 4200 + 10.0 * i)
    assert pulse.rate == pytest.approx(100, rel=0.02)
    assert pulse.ttft_ms == 200


@pytest.mark.parametrize("drawing", list(Drawing))
@pytest.mark.parametrize("fraction", [None, -1.0, 0.0, 0.001, 0.5, 0.999, 1.0, 7.0])
def test_a_gauge_keeps_its_width(drawing: Drawing, fraction: float | None) -> None:
    assert gauge(fraction, 12, drawing).cell_length == 12


def test_a_gauge_without_colour_or_blocks_still_reads() -> None:
    assert gauge(0.5, 12, Drawing.BLOCKS).plain == "▐█████     ▌"
    assert gauge(0.5, 12, Drawing.ASCII).plain == "[#####.....]"
    assert gauge(0.5, 12, Drawing.ASCII).plain.isascii()
    assert gauge(0.0001, 10, Drawing.SHADES).plain.strip() == "▏"  # something is not nothing
