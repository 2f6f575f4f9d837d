"""How fast a model would write here: for each token all weights that it is sent through are read once.

An estimate, and said to be one. What was measured here corrects it: for the model itself, and for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from offgrid_tui.fit.shape import ModelShape

EFFICIENCY = 0.8  # of the rate at which memory is read, where nothing was measured: llama.cpp on AVX2 and AVX-512
OVERHEAD = 0.0005  # seconds a token: choosing it, and what else is done once for each
LEAST, MOST = 0.05, 1.5  # what a measurement may make of the efficiency: others were busy, or weights in a cache
_GPU_RATE = 300e9  # bytes a second, where a GPU holds all of a model and nothing was measured: a modest card


@dataclass(frozen=True, slots=True)
class Measured:
    """A speed that an answer had here."""

    bytes_per_token: int  # of the model's weights
    tokens_per_second: float


class SpeedEstimator:
    """Tokens a second, from bytes a token.

    Args:
        bandwidth: at which this machine reads memory, bytes a second; None where nobody knows.
        measured: what was measured here, asked each time.
    """

    def __init__(self, bandwidth: float | None, measured: Callable[[], Iterable[Measured]] = tuple) -> None:
        self._bandwidth = bandwidth
        self._measured = measured

    def efficiency(self) -> float:
        """The part of the memory's rate that answers reach: as measured here, else as usual."""
        if not self._bandwidth:
            return EFFICIENCY
        found = [
            one.bytes_per_token / self._bandwidth / seconds
            for one in self._measured()
            if one.tokens_per_second > 0 and (seconds := 1 / one.tokens_per_second - OVERHEAD) > 0
        ]
        return min(MOST, max(LEAST, median(found))) if found else EFFICIENCY

    def tokens_per_second(self, bytes_per_token: int, *, on_gpu: bool = False) -> float | None:
        """None where the memory's rate is not known.

        Args:
            on_gpu: the whole model lies on a GPU.
        """
        if bytes_per_token <= 0:
            return None
        if on_gpu:
            return 1 / (bytes_per_token / _GPU_RATE + OVERHEAD)
        if not self._bandwidth:
            return None
        return 1 / (bytes_per_token / (self._bandwidth * self.efficiency()) + OVERHEAD)


def bytes_per_token(file_size: int, shape: ModelShape | None) -> int:
    """Bytes of weights that one token is sent through: of a mixture only the experts that it sees."""
    if shape is None or not shape.experts or not shape.experts_used:
        return file_size
    return int(file_size * active_share(shape))


def active_share(shape: ModelShape) -> float:
    """The part of the weights that a token sees; 1 for a model without experts."""
    if not shape.experts or not shape.experts_used:
        return 1.0
    width = shape.expert_forward or max(shape.feed_forward, default=0)
    routed = (shape.layers - shape.dense_layers) * 3 * shape.embedding * width
    total = shape.parameters or 0
    every = routed * shape.experts
    if not every or total <= every:
        return min(1.0, shape.experts_used / shape.experts + 0.1)  # attention and vocabulary are seen by all
    return (total - every + routed * shape.experts_used) / total
