"""Series of measurements, their ratios, and the rule that contestants take turns (A B A B …).

Taking turns is what makes a ratio worth something on a machine that others use too: what disturbs one contestant
disturbs the other in the same round, and each round gives a ratio of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from benchmarks.others import CALM, Others

PATIENCE = 3  # times as many rounds as asked for, at most, until enough of them were calm

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


@dataclass(frozen=True, slots=True)
class Turns:
    """What all contestants gave: contestant -> figure -> its series; and what others used of the machine meanwhile."""

    figures: Mapping[str, Mapping[str, Series]]
    others: Series  # cores, one value a round

    def __getitem__(self, contestant: str) -> Mapping[str, Series]:
        return self.figures[contestant]


async def take_turns(rounds: int, contestants: Mapping[str, Callable[[int], Awaitable[Measured]]]) -> Turns:
    """Run every contestant once a round; who goes first changes with each round.

    A round in which others used more than `CALM` of a core is run again, up to `PATIENCE` times as many rounds in all;
    the `rounds` calmest ones count. So a quiet machine costs nothing more, and a shared one is used in its quiet
    moments. A contestant is called with the number of the round.
    """
    found: list[tuple[float, dict[str, Measured]]] = []
    for turn in range(rounds * PATIENCE):
        order = list(contestants) if turn % 2 == 0 else list(contestants)[::-1]
        others = Others()
        measured = {name: await contestants[name](turn) for name in order}
        found.append((others.cores(), measured))
        if sum(cores <= CALM for cores, _ in found) >= rounds:
            break
    kept = sorted(found, key=lambda one: one[0])[:rounds]
    return Turns(
        {
            name: {figure: Series(tuple(measured[name][figure] for _, measured in kept)) for figure in kept[0][1][name]}
            for name in contestants
        },
        Series(tuple(cores for cores, _ in kept)),
    )


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
