"""`python -m benchmarks.threads`: how llama.cpp's threads should wait for one another.

Decoding one token is a few hundred short parallel steps with a barrier behind each. Threads that spin at the barrier
are fast while every thread has a core, and slow once another process wants one; threads that sleep are the reverse.
Compared here: OpenMP as it comes, sleeping, and with a bounded spin, and ggml's own pool (a build without OpenMP), on
an idle machine and with one core kept busy.

    python -m benchmarks.threads [--pool PYTHON] [--threads 1,2] [--rounds 5] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.busy import condition
from benchmarks.command import parser_for, progress, run
from benchmarks.home import engine_python
from benchmarks.measure import Measured, take_turns
from benchmarks.models import bench_model
from benchmarks.report import Report, Row

PROBE = Path(__file__).with_name("probe_threads.py")
REFERENCE = "openmp"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of waiting: an interpreter that has llama_cpp, its environment, and the poll level of ggml's pool."""

    name: str
    python: str
    environment: dict[str, str]
    poll: int | None = None


def variants(openmp: str, pool: str | None, spins: tuple[int, ...]) -> list[Variant]:
    found = [
        Variant(REFERENCE, openmp, {}),
        Variant("openmp passive", openmp, {"OMP_WAIT_POLICY": "passive"}),
        *(Variant(f"openmp spin {count}", openmp, {"GOMP_SPINCOUNT": str(count)}) for count in spins),
    ]
    if pool:
        found += [
            Variant("pool as it comes", pool, {}),  # ggml makes and ends the threads for every batch
            Variant("pool poll 0", pool, {}, poll=0),
            Variant("pool poll 50", pool, {}, poll=50),
        ]
    return found


class Probe:
    """One running `probe_threads.py`, ended by `close`."""

    def __init__(self, variant: Variant, model: Path, nice: int) -> None:
        command = [variant.python, str(PROBE), str(model), "--nice", str(nice)]
        if variant.poll is not None:
            command += ["--poll", str(variant.poll)]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))} | variant.environment
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.system = str(self._read()["system"])
        if ("OPENMP = 1" in self.system) == variant.name.startswith("pool"):
            self.close()
            raise SystemExit(f"{variant.python} is not the build that {variant.name!r} needs: {self.system}")

    def measure(self, threads: int, prompt: int, decode: int, limit: float) -> dict[str, float]:
        assert self._process.stdin
        request = {"threads": threads, "prompt": prompt, "decode": decode, "limit": limit}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return {name: float(value) for name, value in self._read().items()}  # type: ignore[arg-type]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _read(self) -> dict[str, object]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe ended with code {self._process.wait()}")
        return dict(json.loads(line))


async def compare(report: Report, arguments: argparse.Namespace) -> None:
    spins = tuple(int(word) for word in arguments.spins.split(",") if word)
    with ExitStack() as stack:
        probes: dict[str, Probe] = {}
        for variant in variants(arguments.openmp, arguments.pool, spins):
            probes[variant.name] = Probe(variant, arguments.model, arguments.nice)
            stack.callback(probes[variant.name].close)
        for busy in (False, True)[: 1 if arguments.idle_only else 2]:
            for threads in (int(word) for word in arguments.threads.split(",")):
                with condition(busy):
                    runs = {name: partial(_run, probe, threads, arguments) for name, probe in probes.items()}
                    results = await take_turns(arguments.rounds, runs)
                for figure in ("decode_tps", "prefill_tps"):
                    section = f"{figure.split('_')[0]}, {threads} threads, {'one core busy' if busy else 'idle'}"
                    for name, series in results.figures.items():
                        theirs = results[REFERENCE][figure]
                        report.add(section, Row(name, "t/s", series[figure], theirs, REFERENCE))
                    report.disturbed(section, results.others.most)
                    progress(f"done: {section}")
    report.notes.append(
        f"prompt {arguments.prompt}, {arguments.decode} tokens behind it, {arguments.rounds} rounds, "
        f"niceness {arguments.nice}"
    )


async def _run(probe: Probe, threads: int, arguments: argparse.Namespace, turn: int) -> Measured:
    return await asyncio.to_thread(probe.measure, threads, arguments.prompt, arguments.decode, arguments.longest)


def main() -> int:
    parser = parser_for("benchmarks.threads", __doc__)
    parser.add_argument("--model", type=Path, help="a GGUF file (default: the benchmark model, made when missing)")
    parser.add_argument("--pool", help="an interpreter whose llama_cpp was built without OpenMP (GGML_OPENMP=OFF)")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--spins", default="100,1000,10000", help="values of GOMP_SPINCOUNT")
    parser.add_argument("--nice", type=int, default=0, help="niceness of the engine (the other process keeps 0)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--decode", type=int, default=32)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds after which a decode is cut short")
    parser.add_argument("--idle-only", action="store_true", help="leave out the runs with one core kept busy")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.prompt, arguments.decode = 2, 256, 16
    arguments.openmp = engine_python(arguments.python)
    arguments.model = arguments.model or bench_model()
    title = "Threads and waiting: llama_decode alone, each variant against OpenMP as it comes"
    return run(title, lambda report: compare(report, arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
