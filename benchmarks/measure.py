"""Series of measurements, their ratios, and the rule that contestants take turns (A B A B …).

Taking turns is what makes a ratio worth something on a machine that others use too: what disturbs one contestant
disturbs the other in the same round, and each round gives a ratio of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Measured = Mapping[str, float]  # what one run of one contestant gave: name of the figure -> value


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one figure, in the order of the rounds; never empty."""

    values: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def less(self, other: Series) -> Series:
        """This series minus `other`, round by round."""
        return Series(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))

    def over(self, other: Series) -> Series:
        """This series divided by `other`, round by round."""
        return Series(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


async def take_turns(
    rounds: int, contestants: Mapping[str, Callable[[int], Awaitable[Measured]]]
) -> dict[str, dict[str, Series]]:
    """Run every contestant once a round, `rounds` times; who goes first changes with each round.

    Returns contestant -> figure -> its series. A contestant is called with the number of the round.
    """
    runs: dict[str, list[Measured]] = {name: [] for name in contestants}
    for turn in range(rounds):
        order = list(contestants) if turn % 2 == 0 else list(contestants)[::-1]
        for name in order:
            runs[name].append(await contestants[name](turn))
    return {
        name: {figure: Series(tuple(run[figure] for run in measured)) for figure in measured[0]}
        for name, measured in runs.items()
    }


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
