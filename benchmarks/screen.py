"""`python -m benchmarks.screen`: are the figures on the screen true?

A workstation runs in a terminal whose bytes are recorded with their times. The model recites numbered words, one token
each, so the recording tells by itself when the first word was painted and how fast the others followed. That is held
against the figures the screen shows beside the answer, and those against what the database holds.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import sys
from dataclasses import dataclass

from benchmarks.home import engine_python
from benchmarks.measure import Series
from benchmarks.models import reciter
from benchmarks.report import Goal, Report, Row
from benchmarks.session import Session, Stored, workstation
from offgrid_tui.ui.chat.figures import headline

_WORD = re.compile(r"word(\d{3})")
_SHOWN = re.compile(r"([\d.]+) t/s · (\d+) tok · TTFT ([\d.]+) (ms|s)")

TRUE = Goal("one within", 0.05)
PROMPT = Goal("below", 150.0)  # ms from the engine's first token to paint: a frame at 10 a second, and its drawing


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the recording of one answer says."""

    first_ms: float  # from enter to the first word on the screen
    tps: float  # words a second, by a line through the painted counts


def recorded(session: Session, pressed: float) -> Recorded:
    """Replays the recording from the moment enter was pressed."""
    points: list[tuple[float, int]] = []
    for when, lines in session.terminal.replay():
        if when < pressed:
            continue
        seen = [int(number) for number in _WORD.findall("\n".join(lines))]
        if seen and (not points or max(seen) + 1 > points[-1][1]):
            points.append((when, max(seen) + 1))
    if len(points) < 5:
        raise RuntimeError(f"the answer was painted in {len(points)} steps: too few to tell its speed")
    line = statistics.linear_regression([when for when, _ in points], [count for _, count in points])
    return Recorded(1000 * (points[0][0] - pressed), line.slope)


def shown(lines: list[str]) -> tuple[float, float, str]:
    """Tokens a second and TTFT in ms, as the last answer on the screen shows them, and the words themselves.

    Raises:
        RuntimeError: there are none.
    """
    found = _SHOWN.findall("\n".join(lines))
    if not found:
        raise RuntimeError("no figures beside the answer; the screen:\n" + "\n".join(lines))
    tps, count, ttft, unit = found[-1]
    return float(tps), float(ttft) * (1 if unit == "ms" else 1000), f"{tps} t/s · {count} tok · TTFT {ttft} {unit}"


async def measure(python: str, rounds: int, columns: int, rows: int) -> Report:
    report = Report("The figures on the screen, against a recording of what was painted")
    columns_of: dict[str, list[float]] = {name: [] for name in ("painted", "shown", "first painted", "first shown")}
    agree: list[float] = []
    for _ in range(rounds):
        # A session for each answer: words of an earlier one on the screen would count as painted.
        async with workstation(python, reciter(), [sys.executable, "-m", "offgrid_tui"], columns, rows) as session:
            pressed, stored = await session.ask("recite")
            lines = await asyncio.to_thread(
                session.terminal.wait_for, lambda now: bool(_SHOWN.search("\n".join(now))), 10.0, "the answer's figures"
            )
            tps, ttft, words = shown(lines)
            painted = recorded(session, pressed)
        columns_of["painted"].append(painted.tps)
        columns_of["shown"].append(tps)
        columns_of["first painted"].append(painted.first_ms)
        columns_of["first shown"].append(ttft)
        agree.append(float(words == as_shown(stored)))
        print(f"painted {painted.tps:.1f} t/s, {painted.first_ms:.0f} ms; shown {words}", file=sys.stderr)
    series = {name: Series(tuple(values)) for name, values in columns_of.items()}
    late = series["first painted"].less(series["first shown"])
    report.add(
        f"{columns}x{rows}, {rounds} answers, model loaded by the first request of each",
        Row("tokens/s painted, of those shown", "t/s", series["painted"], series["shown"], "shown", TRUE),
        Row("first word painted, of TTFT shown", "ms", series["first painted"], series["first shown"], "shown"),
        Row("first word painted after TTFT", "ms", late, goal=PROMPT),
        Row("shown as stored (1 is yes)", "", Series(tuple(agree)), goal=Goal("at least", 1)),
    )
    return report


def as_shown(stored: Stored) -> str:
    """What the screen should show for what is stored."""
    return " · ".join(headline(stored.figures))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--python", help="an interpreter that has llama_cpp (default: this one, or what make built)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="120x36", help="columns x rows of the terminal")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    columns, rows = (int(word) for word in arguments.size.split("x"))
    rounds = 1 if arguments.quick else arguments.rounds
    report = asyncio.run(measure(engine_python(arguments.python), rounds, columns, rows))
    print(report.as_json() if arguments.json else report.as_text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
