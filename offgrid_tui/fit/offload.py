"""How much of a model goes to the GPUs."""

from __future__ import annotations

from collections.abc import Callable


def layers_that_fit(layers: int, gpu_bytes: Callable[[int], int], free: int) -> int:
    """The most layers, counted from the last, whose part of the model takes at most `free` bytes of GPU memory; one
    more than the model's `layers` puts the output there too. 0 where not one fits.

    Args:
        gpu_bytes: what so many layers take there; it grows with them.
    """
    if free <= 0:
        return 0
    least, most = 0, layers + 1  # `least` fits
    while least < most:
        middle = (least + most + 1) // 2
        if gpu_bytes(middle) <= free:
            least = middle
        else:
            most = middle - 1
    return least
