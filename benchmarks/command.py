"""What every benchmark's command has in common: its last arguments, a bound in time, an orderly end."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from benchmarks.report import Report


def parser_for(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=(description or "").split("\n", 1)[0])
    parser.add_argument("--python", help="an interpreter that has llama_cpp (default: this one, or what make built)")
    parser.add_argument("--quick", action="store_true", help="few rounds of little: a look, not a measurement")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which all is ended")
    return parser


def run(title: str, measure: Callable[[Report], Awaitable[None]], arguments: argparse.Namespace) -> int:
    """Measure into a report, within `--limit`, and print it; what ends early is printed as far as it came.

    A SIGTERM unwinds as ctrl+c does: what was started is ended. Returns the exit code.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    report = Report(title)

    async def bounded() -> None:
        async with asyncio.timeout(arguments.limit):
            await measure(report)

    code = 1
    try:
        asyncio.run(bounded())
        code = 0
    except TimeoutError:
        report.notes.append(f"cut short after {arguments.limit:.0f} s")
    finally:
        print(report.as_json() if arguments.json else report.as_text(), flush=True)
    return code


def progress(text: str) -> None:
    """A word to who waits, beside the report."""
    print(f"measuring: {text}", file=sys.stderr, flush=True)
