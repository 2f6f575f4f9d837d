"""`python -m benchmarks.engine [--quick] [--json] [--only one,several,abort] [--idle-only]`"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from benchmarks.busy import condition
from benchmarks.command import parser_for, progress, run
from benchmarks.engine.compare import Sizes, abort, one_sequence, several_sequences
from benchmarks.engine.ours import Ours, ours
from benchmarks.engine.theirs import Terms, llama_bench, llama_server
from benchmarks.home import engine_python
from benchmarks.models import bench_model
from benchmarks.peers import Peers, peers
from benchmarks.report import Report
from offgrid_tui.engine.contract import LoadOptions

CONTEXT = 4096  # tokens of a conversation
PARTS = ("one", "several", "abort")


async def measure(arguments: argparse.Namespace, sizes: Sizes) -> Report:
    report = Report("The engine as its client sees it: EngineClient, host, worker")
    found = peers(arguments.python)
    async with ours(arguments.python, arguments.model, LoadOptions(context=CONTEXT)) as mine:
        for busy in (False, True)[: 1 if arguments.idle_only else 2]:
            state = "one core busy" if busy else "idle"
            with condition(busy):
                await sections(report, state, arguments, sizes, mine, found)
        terms = Terms.of(mine.worker)
        report.notes += [
            f"model {mine.loaded.name}, {mine.loaded.quantisation}; {mine.loaded.engine}",
            f"ours and llama-bench* : {mine.loaded.threads} threads decode, {mine.loaded.threads_batch} read, "
            f"niceness {terms.nice}, waiting {dict(terms.waiting or {}) or 'as OpenMP comes'}",
            "llama-bench: as it comes (its own number of threads, niceness 0); for information",
        ]
    return report


async def sections(
    report: Report, state: str, arguments: argparse.Namespace, sizes: Sizes, mine: Ours, found: Peers
) -> None:
    terms = Terms.of(mine.worker)
    threads, threads_batch = mine.loaded.threads, mine.loaded.threads_batch
    parts = arguments.only.split(",")
    if "one" in parts:
        bench = partial(
            llama_bench, found.bench, arguments.model, prompt=sizes.prompt, decode=sizes.decode, depth=sizes.prompt
        )
        rivals = {
            "llama-bench*": partial(bench, terms, threads, threads_batch),
            "llama-bench": partial(bench, Terms(), None, None),
        }
        progress(f"one sequence, {state}")
        await one_sequence(report, f"one sequence, {state}", mine, rivals, sizes)
    if "several" in parts:
        for count in (int(word) for word in arguments.sequences.split(",")):
            section = f"several sequences, shared prefix of {sizes.prefix} tokens, {state}"
            progress(f"{section}: {count}")
            async with llama_server(
                found.server, arguments.model, terms, slots=count, context=CONTEXT // 2, threads=threads,
                threads_batch=threads_batch,
            ) as server:  # fmt: skip
                await several_sequences(report, section, count, mine, server.answer, "llama-server", sizes)
    if "abort" in parts:
        progress(f"abort, {state}")
        await abort(report, f"abort, {state}", mine, sizes)


def main() -> int:
    parser = parser_for("benchmarks.engine", "The engine as its client sees it, against llama.cpp's own programs.")
    parser.add_argument("--model", type=Path, help="a GGUF file (default: the benchmark model, made when missing)")
    parser.add_argument("--only", default=",".join(PARTS), help="some of one,several,abort")
    parser.add_argument("--sequences", default="1,2,4,8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-only", action="store_true", help="leave out the runs with one core kept busy")
    arguments = parser.parse_args()
    arguments.python = engine_python(arguments.python)
    arguments.model = arguments.model or bench_model()
    sizes = Sizes(rounds=arguments.rounds)
    if arguments.quick:
        sizes = Sizes(prompt=256, decode=32, prefix=256, long_prompt=2048, rounds=2)
    return run(lambda: measure(arguments, sizes), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
