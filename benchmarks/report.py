"""What a benchmark found: figures, ratios and goals, as aligned text and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.measure import Series


@dataclass(frozen=True, slots=True)
class Goal:
    """What the median should be: at least `limit`, below it, or within `limit` of one (for ratios)."""

    kind: Literal["at least", "below", "one within"]
    limit: float

    def met(self, value: float) -> bool:
        if self.kind == "one within":
            return abs(value - 1) <= self.limit
        return value >= self.limit if self.kind == "at least" else value < self.limit

    def __str__(self) -> str:
        return f"{ {'at least': '≥', 'below': '<', 'one within': '1 ±'}[self.kind] } {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure of ours or, where `theirs` is given, a comparison whose goal is for the ratio."""

    name: str
    unit: str
    ours: Series
    theirs: Series | None = None
    peer: str = ""  # whom `theirs` belongs to
    goal: Goal | None = None

    @property
    def ratio(self) -> Series | None:
        return self.ours.over(self.theirs) if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return self.goal.met((self.ratio or self.ours).median) if self.goal else None


@dataclass(slots=True)
class Report:
    """Sections of rows, with notes that belong to the whole."""

    title: str
    sections: dict[str, list[Row]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    others: dict[str, float] = field(default_factory=dict)  # section -> cores that others used in it, at most

    def add(self, section: str, *rows: Row) -> None:
        self.sections.setdefault(section, []).extend(rows)

    def disturbed(self, section: str, cores: float) -> None:
        """Say that others used `cores` while (part of) a section was measured."""
        self.others[section] = max(cores, self.others.get(section, 0.0))

    @property
    def short(self) -> list[str]:
        """The rows whose goal was not reached, with what was measured."""
        return [
            f"{section}: {row.name} {_number((row.ratio or row.ours).median)}, goal {row.goal}"
            for section, rows in self.sections.items()
            for row in rows
            if row.met is False
        ]

    def as_json(self) -> str:
        return json.dumps(
            {
                "title": self.title,
                "machine": machine(),
                "sections": {name: [_row_json(row) for row in rows] for name, rows in self.sections.items()},
                "others": self.others,
                "notes": self.notes,
                "short": self.short,
            },
            indent=2,
            ensure_ascii=False,
        )

    def as_text(self) -> str:
        head = ("", "unit", "min", "median", "max", "peer", "ratio min", "median", "max", "goal")
        lines = [self.title, machine(), ""]
        tables = {name: [_row_text(row) for row in rows] for name, rows in self.sections.items()}
        cells = [head, *(row for rows in tables.values() for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        for name, rows in tables.items():
            told = f"  (others used {self.others[name]:.2f} cores at most)" if name in self.others else ""
            lines.append(name + told)
            lines += [_aligned(row, widths) for row in (head, *rows)]
            lines.append("")
        lines += self.notes
        goals = any(row.goal for rows in self.sections.values() for row in rows)
        lines += [f"falls short: {text}" for text in self.short] or (["every goal was reached"] if goals else [])
        return "\n".join(lines)


def machine() -> str:
    """The machine in words, without its name."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{len(os.sched_getaffinity(0))}-core {platform.machine()}, {platform.system()}; load average {load}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _row_text(row: Row) -> tuple[str, ...]:
    spread = [_number(value) for value in (row.ours.least, row.ours.median, row.ours.most)]
    ratio = [f"{value:.3f}" for value in (row.ratio.least, row.ratio.median, row.ratio.most)] if row.ratio else [""] * 3
    theirs = f"{row.peer} {_number(row.theirs.median)}" if row.theirs else ""
    goal = f"{row.goal} {'met' if row.met else 'NOT MET'}" if row.goal else ""
    return (row.name, row.unit, *spread, theirs, *ratio, goal)


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    words = {0, 1, len(cells) - 1}  # names, units and goals to the left, numbers to the right
    parts = (
        cell.ljust(w) if i in words else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    )
    return ("  " + "  ".join(parts)).rstrip()


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "unit": row.unit,
        "ours": _series_json(row.ours),
        "theirs": _series_json(row.theirs),
        "peer": row.peer or None,
        "ratio": _series_json(row.ratio),
        "goal": str(row.goal) if row.goal else None,
        "met": row.met,
    }


def _series_json(series: Series | None) -> dict[str, Any] | None:
    if series is None:
        return None
    return {"min": series.least, "median": series.median, "max": series.most, "values": list(series.values)}
