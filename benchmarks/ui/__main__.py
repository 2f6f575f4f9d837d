"""`python -m benchmarks.ui [--quick] [--json]`"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil

from benchmarks.command import parser_for, progress, run
from benchmarks.home import engine_python
from benchmarks.measure import Series, percentile, take_turns
from benchmarks.models import bench_model
from benchmarks.others import Others
from benchmarks.report import Goal, Report, Row
from benchmarks.session import Session, ready, workstation
from benchmarks.terminal import Terminal
from benchmarks.ui import probe

SMOOTH = Goal("below", 16.0)  # ms: a frame of 60 in a second
QUIET = Goal("below", 1.0)  # percent of a core
OFFGRID = [sys.executable, "-m", "offgrid_tui"]
MIB = 2**20
PROCESSES = ("workstation", "engine host", "worker, model loaded")
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


async def smoothness(report: Report, arguments: argparse.Namespace) -> None:
    """Lateness of the event loop in workstations that have a clock in it, one after the other."""
    late: dict[str, list[float]] = {"p99": [], "worst": [], "rest": []}
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "lateness"
            command = [sys.executable, "-m", "benchmarks.ui.probe", str(result)]
            async with open_workstation(arguments, command) as session:
                await session.ask("one two", arguments.longest)  # loads the model
                others = Others()
                pressed, stored = await session.ask("count to ten and tell a story", arguments.longest)
                ended = time.monotonic()
                report.disturbed(SMOOTHNESS, others.cores())
                progress(f"{SMOOTHNESS}: an answer of {stored.figures.completion_tokens} tokens")
                await asyncio.sleep(max(2.0, min(5.0, arguments.idle)))
            pairs = probe.read(result)
        during = [1000 * lateness for when, lateness in pairs if pressed <= when <= ended]
        late["p99"].append(percentile(during, 0.99))
        late["worst"].append(max(during))
        late["rest"].append(percentile([1000 * lateness for when, lateness in pairs if when > ended + 0.5], 0.99))
    report.add(
        SMOOTHNESS,
        Row("p99 while a model answers at full speed", "ms", Series(tuple(late["p99"])), goal=SMOOTH),
        Row("worst while it answers", "ms", Series(tuple(late["worst"]))),
        Row("p99 at rest", "ms", Series(tuple(late["rest"]))),
    )


async def rest(report: Report, arguments: argparse.Namespace) -> None:
    """First frame, then what the processes use with a loaded model and nothing to do."""
    frames: list[tuple[float, float]] = []
    used: dict[str, list[float]] = {name: [] for name in PROCESSES}
    resident: dict[str, list[float]] = {name: [] for name in PROCESSES}
    section = f"at rest for {arguments.idle:.0f} s"
    for _ in range(arguments.rounds):
        async with open_workstation(arguments, OFFGRID) as session:
            frames.append(first_frame(session.terminal))
            await session.ask("count to ten and tell a story", arguments.longest)
            processes = {"workstation": psutil.Process(session.terminal.process.pid)}
            processes |= _engine(session.home.paths.socket)
            await asyncio.sleep(2)  # what an answer leaves to be done
            progress(section)
            others = Others()
            for name, percent in (await _cpu(processes, arguments.idle)).items():
                used[name].append(percent)
            report.disturbed(section, others.cores())
            for name, process in processes.items():
                resident[name].append(process.memory_info().rss / MIB)
    report.add(
        "starting",
        Row("first frame in a terminal", "ms", Series(tuple(frame for frame, _ in frames))),
        Row("ready to be typed in", "ms", Series(tuple(ready for _, ready in frames))),
    )
    report.add(section, *(Row(f"CPU, {n}", "% of a core", Series(tuple(v)), goal=QUIET) for n, v in used.items()))
    report.add("memory, resident", *(Row(name, "MiB", Series(tuple(values))) for name, values in resident.items()))


def open_workstation(arguments: argparse.Namespace, command: list[str]) -> AbstractAsyncContextManager[Session]:
    return workstation(arguments.python, arguments.model, command, chat_max_tokens=str(arguments.tokens))


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
            return {"engine host": process, "worker, model loaded": process.children()[0]}
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


async def measure(report: Report, arguments: argparse.Namespace) -> None:
    await starts(report, 10 if arguments.rounds > 1 else 4)
    await rest(report, arguments)
    await smoothness(report, arguments)


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
    return run("The workstation in a terminal", lambda report: measure(report, arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
