"""How numbers are written, with the edges at which the unit changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from offgrid_tui.foundation import units


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (units.bytes_text, None, "–"),
        (units.bytes_text, 0, "0 B"),
        (units.bytes_text, 999, "999 B"),
        (units.bytes_text, 1000, "1 kB"),
        (units.bytes_text, 999.6, "1 kB"),
        (units.bytes_text, 640_400, "640 kB"),
        (units.bytes_text, 999_600, "1.0 MB"),
        (units.bytes_text, 2_497_281_120, "2.5 GB"),
        (units.bytes_text, 42_520_395_584, "42.5 GB"),
        (units.bytes_text, 99_940_000_000, "99.9 GB"),
        (units.bytes_text, 99_960_000_000, "100 GB"),
        (units.bytes_text, 5e15, "5000 TB"),
        (units.gib, None, "–"),
        (units.gib, 2**30, "1.0"),
        (units.gib, 15_461_882_265, "14.4"),
        (units.duration, None, "–"),
        (units.duration, 0.0124, "12 ms"),
        (units.duration, 1, "1.0 s"),
        (units.duration, 3.14, "3.1 s"),
        (units.duration, 0.9994, "999 ms"),
        (units.duration, 0.9996, "1.0 s"),
        (units.duration, 59.94, "59.9 s"),
        (units.duration, 59.96, "1:00"),
        (units.duration, 125, "2:05"),
        (units.duration, 3599.6, "1:00:00"),
        (units.duration, 3725, "1:02:05"),
        (units.rate, None, "– t/s"),
        (units.rate, 41.84, "41.8 t/s"),
        (units.rate, 99.94, "99.9 t/s"),
        (units.rate, 99.96, "100 t/s"),
        (units.rate, 212.3, "212 t/s"),
        (units.tokens, None, "–"),
        (units.tokens, 312, "312"),
        (units.tokens, 2512, "2.5k"),
        (units.tokens, 99_949, "99.9k"),
        (units.tokens, 99_950, "100k"),
        (units.tokens, 131_072, "131k"),
        (units.parameters, None, "–"),
        (units.parameters, 6_300_000, "6.3M"),
        (units.parameters, 4_022_468_096, "4.0B"),
        (units.parameters, 70_553_706_496, "70.6B"),
    ],
)
def test_written(write: Callable[[Any], str], value: float | None, text: str) -> None:
    assert write(value) == text
