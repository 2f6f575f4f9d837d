"""`python -m benchmarks.ui [--quick] [--json]`"""

from __future__ import annotations

import argparse
import array
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.command import parser_for, progress, run
from benchmarks.home import engine_python
from benchmarks.measure import Series, percentile, take_turns
from benchmarks.models import bench_model
from benchmarks.others import Others
from benchmarks.report import Goal, Report, Row
from benchmarks.session import ready, workstation
from benchmarks.terminal import Terminal

SMOOTH = Goal("below", 16.0)  # ms: a frame of 60 in a second
QUIET = Goal("below", 1.0)  # percent of a core
OFFGRID = [sys.executable, "-m", "offgrid_tui"]
MIB = 2**20
SMOOTHNESS = "event loop, lateness of a tick every 10 ms"


async def starts(report: Report, rounds: int) -> None:
    """How long a command and the first frame take, against an interpreter that does nothing."""
    results = await take_turns(
        rounds,
        {
            "version": lambda turn: _timed([*OFFGRID, "--version"]),
            "nothing": lambda turn: _timed([sys.executable, "-c", "pass"]),
        },
    )
    report.disturbed("starting", results.others.most)
    version, nothing = results["version"]["ms"], results["nothing"]["ms"]
    report.add("starting", Row("offgrid --version", "ms", version, nothing, "python -c pass"))


async def sessions(report: Report, arguments: argparse.Namespace) -> None:
    """Workstations in a terminal of ours, one after the other: first frame, lateness, idle, memory."""
    names = ("frame", "ready", "p99", "p99 idle", "worst", "app idle", "host idle", "worker idle")
    found: dict[str, list[float]] = {name: [] for name in (*names, "app", "host", "worker")}
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "lateness"
            command = [sys.executable, "-m", "benchmarks.ui.probe", str(result)]
            async with workstation(
                arguments.python, arguments.model, command, chat_max_tokens=str(arguments.tokens)
            ) as session:
                frame, settled = first_frame(session.terminal)
                found["frame"].append(frame)
                found["ready"].append(settled)
                await session.ask("one two", arguments.longest)  # loads the model
                others = Others()
                pressed, stored = await session.ask("count to ten and tell a story", arguments.longest)
                ended = time.monotonic()
                app = psutil.Process(session.terminal.process.pid)
                processes = {"app": app, **_engine(session.home.paths.socket)}
                await asyncio.sleep(2)
                idle_began = time.monotonic()
                idle = await _cpu(processes, arguments.idle)
                idle_ended = time.monotonic()
                report.disturbed(SMOOTHNESS, others.cores())
                for name, process in processes.items():
                    found[f"{name} idle"].append(idle[name])
                    found[name].append(process.memory_info().rss / MIB)
                progress(f"answered with {stored.figures.completion_tokens} tokens")
            notes = array.array("d", result.read_bytes())
        pairs = list(zip(notes[::2], notes[1::2], strict=True))
        during = [1000 * late for when, late in pairs if pressed <= when <= ended]
        resting = [1000 * late for when, late in pairs if idle_began <= when <= idle_ended]
        found["p99"].append(percentile(during, 0.99))
        found["worst"].append(max(during))
        found["p99 idle"].append(percentile(resting, 0.99))
    series = {name: Series(tuple(values)) for name, values in found.items() if values}
    report.add(
        "starting",
        Row("first frame in a terminal", "ms", series["frame"]),
        Row("ready to be typed in", "ms", series["ready"]),
    )
    report.add(
        SMOOTHNESS,
        Row("p99 while a model answers at full speed", "ms", series["p99"], goal=SMOOTH),
        Row("worst while it answers", "ms", series["worst"]),
        Row("p99 at rest", "ms", series["p99 idle"]),
    )
    for name, words in (("app", "workstation"), ("host", "engine host"), ("worker", "worker, model loaded")):
        report.add(
            f"at rest for {arguments.idle:.0f} s",
            Row(f"CPU, {words}", "% of a core", series[f"{name} idle"], goal=QUIET),
        )
    for name, words in (("app", "workstation"), ("host", "engine host"), ("worker", "worker, model loaded")):
        report.add("memory, resident", Row(words, "MiB", series[name]))


def first_frame(terminal: Terminal) -> tuple[float, float]:
    """Milliseconds from starting the program to the frame, and to the frame that takes what is typed."""
    frame = 0.0
    for when, lines in terminal.replay():
        if not frame and "OffGrid" in lines[0]:
            frame = 1000 * (when - terminal.started)
        if ready(lines):
            return frame, 1000 * (when - terminal.started)
    raise RuntimeError("the recording holds no frame")


def _engine(socket: Path) -> dict[str, psutil.Process]:
    """The engine host that listens on `socket`, and its worker."""
    for process in psutil.process_iter(["cmdline"]):
        if str(socket.parent) in (process.info["cmdline"] or []):
            return {"host": process, "worker": process.children()[0]}
    raise RuntimeError("no engine host runs")


async def _cpu(processes: dict[str, psutil.Process], seconds: float) -> dict[str, float]:
    """Percent of one core that each used over `seconds`."""
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    await asyncio.sleep(seconds)
    return {name: 100 * (sum(p.cpu_times()[:2]) - before[name]) / seconds for name, p in processes.items()}


async def _timed(command: list[str]) -> dict[str, float]:
    began = time.perf_counter()
    await asyncio.to_thread(subprocess.run, command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return {"ms": 1000 * (time.perf_counter() - began)}


async def measure(arguments: argparse.Namespace) -> Report:
    report = Report("The workstation in a terminal")
    await starts(report, 10 if arguments.rounds > 1 else 4)
    await sessions(report, arguments)
    return report


def main() -> int:
    parser = parser_for("benchmarks.ui", "What the workstation costs: starting, smoothness, rest, memory.")
    parser.add_argument("--model", type=Path, help="a GGUF file (default: the benchmark model, made when missing)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds at rest")
    parser.add_argument("--tokens", type=int, default=256, help="of the answer during which lateness is noted")
    parser.add_argument("--longest", type=float, default=240.0, help="seconds that an answer may take")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.idle, arguments.tokens = 1, 5.0, 64
    arguments.python = engine_python(arguments.python)
    arguments.model = arguments.model or bench_model()
    return run(lambda: measure(arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
