"""`python -m benchmarks.engine [--quick] [--json] [--only one,several,abort] [--idle-only]`"""

from __future__ import annotations

import argparse
from contextlib import AbstractAsyncContextManager
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

SPARE = 192  # tokens beside prompt and answer: the template's own, and what words round up to
DEFAULT_CONTEXT = 8192
PARTS = ("one", "several", "abort")


async def measure(report: Report, arguments: argparse.Namespace, sizes: Sizes) -> None:
    found = peers(arguments.python)
    parts = arguments.only.split(",")
    for busy in (False, True)[: 1 if arguments.idle_only else 2]:
        state = "one core busy" if busy else "idle"
        with condition(busy):
            if "one" in parts:
                await one(report, state, arguments, sizes, found)
            if "several" in parts:
                await several(report, state, arguments, sizes, found)
            if "abort" in parts:
                progress(f"abort, {state}")
                async with load(arguments, sizes.long_prompt + SPARE) as mine:
                    await abort(report, f"abort, {state}", mine, sizes)
    report.notes += [
        "llama-bench* and llama-server run with the threads, the niceness and the way of waiting of our worker;",
        "llama-bench without the star runs as it comes, for information",
    ]


async def one(report: Report, state: str, arguments: argparse.Namespace, sizes: Sizes, found: Peers) -> None:
    """One sequence: in a context of the size that llama-bench makes, then in the default one."""
    for context in (sizes.prompt + sizes.decode + SPARE, DEFAULT_CONTEXT):
        section = f"one sequence, context of {context}, {state}"
        progress(section)
        async with load(arguments, context) as mine:
            terms = Terms.of(mine.worker)
            bench = partial(
                llama_bench, found.bench, arguments.model, prompt=sizes.prompt, decode=sizes.decode, depth=sizes.prompt
            )
            rivals = {"llama-bench*": partial(bench, terms, mine.loaded.threads, mine.loaded.threads_batch)}
            if context != DEFAULT_CONTEXT:
                rivals["llama-bench"] = partial(bench, Terms(), None, None)
            await one_sequence(report, section, mine, rivals, sizes, goal=context != DEFAULT_CONTEXT)
            told = f"{mine.loaded.name}, {mine.loaded.quantisation}; {mine.loaded.engine}; {terms}"
            told += f"; threads {mine.loaded.threads}, to read {mine.loaded.threads_batch}"
            if told not in report.notes:
                report.notes.append(told)


async def several(report: Report, state: str, arguments: argparse.Namespace, sizes: Sizes, found: Peers) -> None:
    """Sequences at once, against a server with as many slots."""
    each = sizes.prefix + sizes.decode + SPARE
    for count in (int(word) for word in arguments.sequences.split(",")):
        section = f"several sequences, shared prefix of {sizes.prefix} tokens, {state}"
        progress(f"{section}: {count}")
        async with (
            load(arguments, each * count) as mine,
            llama_server(
                found.server, arguments.model, Terms.of(mine.worker), slots=count, context=each,
                threads=mine.loaded.threads, threads_batch=mine.loaded.threads_batch,
            ) as server,
        ):  # fmt: skip
            await several_sequences(report, section, count, mine, server.answer, "llama-server", sizes)


def load(arguments: argparse.Namespace, context: int) -> AbstractAsyncContextManager[Ours]:
    return ours(arguments.python, arguments.model, LoadOptions(context=context))


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
    title = "The engine as its client sees it: EngineClient, host, worker"
    return run(title, lambda report: measure(report, arguments, sizes), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
