"""`python -m benchmarks.screen`: are the figures on the screen true?

A workstation runs in a terminal whose bytes are recorded with their times. The model recites numbered words, one token
each, so the recording tells by itself when the first word was painted and how fast the others followed. That is held
against the figures the screen shows beside the answer, and those against what the database holds.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.command import parser_for, progress, run
from benchmarks.home import engine_python
from benchmarks.measure import Series
from benchmarks.models import reciter
from benchmarks.others import Others
from benchmarks.report import Goal, Report, Row
from benchmarks.session import Session, Stored, workstation
from offgrid_tui.ui.chat.figures import headline

_WORD = re.compile(r"word(\d{3})")
_SHOWN = re.compile(r"([\d.]+) t/s · (\d+) tok · TTFT [\d.:]+(?: ms| s)?")

NEW_CHAT = b"\x0e"  # ctrl+n
TRUE = Goal("one within", 0.05)
PROMPT = Goal("below", 150.0)  # ms from the engine's first token to paint: a frame at 10 a second, and its drawing


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: as painted, as shown beside it, as stored."""

    painted_tps: float  # words a second, by a line through the painted counts
    shown_tps: float
    first_ms: float  # from enter to the first word on the screen
    ttft_ms: float  # by the engine's clock, load included
    as_stored: bool  # the screen's figures are those of the database
    others: float  # cores that others used meanwhile


def recorded(session: Session, pressed: float) -> tuple[float, float]:
    """Replays the recording from the moment enter was pressed: milliseconds to the first word, and words a second."""
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
    return 1000 * (points[0][0] - pressed), line.slope


def shown(lines: list[str]) -> tuple[float, str]:
    """Tokens a second as the last answer on the screen shows them, and its figures in full.

    Raises:
        RuntimeError: there are none.
    """
    found = list(_SHOWN.finditer("\n".join(lines)))
    if not found:
        raise RuntimeError("no figures beside the answer; the screen:\n" + "\n".join(lines))
    return float(found[-1][1]), found[-1][0]


async def measure(report: Report, python: str, rounds: int, columns: int, rows: int) -> None:
    checks: dict[str, list[Check]] = {"first answer, model not loaded": [], "second answer": []}
    for _ in range(rounds):
        async with workstation(python, reciter(), [sys.executable, "-m", "offgrid_tui"], columns, rows) as session:
            for state, found in checks.items():
                found.append(await check(session))
                progress(f"{state}: {found[-1]}")
                session.terminal.send(NEW_CHAT)  # clears the words of this answer from the screen
                await asyncio.to_thread(session.terminal.wait_for, no_words, 10.0, "a new chat")
    for state, found in checks.items():
        report.disturbed(f"{columns}x{rows}, {state}", max(each.others for each in found))
        report.add(f"{columns}x{rows}, {state}", *rows_of(found))


async def check(session: Session) -> Check:
    """Ask once, and read the recording, the screen and the database."""
    others = Others()
    pressed, stored = await session.ask("recite")
    disturbed = others.cores()
    lines = await asyncio.to_thread(
        session.terminal.wait_for, lambda now: bool(_SHOWN.search("\n".join(now))), 10.0, "the answer's figures"
    )
    tps, words = shown(lines)
    first_ms, painted_tps = recorded(session, pressed)
    return Check(painted_tps, tps, first_ms, stored.figures.ttft_ms or 0.0, words == as_shown(stored), disturbed)


def rows_of(found: list[Check]) -> list[Row]:
    def series(of: Callable[[Check], float]) -> Series:
        return Series(tuple(of(each) for each in found))

    late = series(lambda each: each.first_ms - each.ttft_ms)
    return [
        Row("tokens/s painted, of those shown", "t/s", series(lambda e: e.painted_tps), series(lambda e: e.shown_tps),
            "shown", TRUE),
        Row("enter to first word painted, of TTFT", "ms", series(lambda e: e.first_ms), series(lambda e: e.ttft_ms),
            "TTFT"),
        Row("first word painted after the TTFT", "ms", late, goal=PROMPT),
        Row("shown as stored (1 is yes)", "", series(lambda e: float(e.as_stored)), goal=Goal("at least", 1)),
    ]  # fmt: skip


def no_words(lines: list[str]) -> bool:
    return not _WORD.search("\n".join(lines))


def as_shown(stored: Stored) -> str:
    """What the screen should show for what is stored."""
    return " · ".join(headline(stored.figures))


def main() -> int:
    parser = parser_for("benchmarks.screen", __doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="120x36", help="columns x rows of the terminal")
    arguments = parser.parse_args()
    columns, rows = (int(word) for word in arguments.size.split("x"))
    rounds = 1 if arguments.quick else arguments.rounds
    python = engine_python(arguments.python)
    title = "The figures on the screen, against a recording of what was painted"
    return run(title, lambda report: measure(report, python, rounds, columns, rows), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
