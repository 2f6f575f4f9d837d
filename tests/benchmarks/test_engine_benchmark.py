"""The engine's benchmark on a tiny model: it runs, its report has the ratios, nothing is left running."""

from __future__ import annotations

import itertools
import json
import os
from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import threads
from benchmarks.engine.compare import Sizes, abort, one_sequence, several_sequences
from benchmarks.engine.ours import Ours, ours
from benchmarks.engine.theirs import SET_BY_THE_WORKER
from benchmarks.measure import Measured
from benchmarks.report import Report
from offgrid_tui.engine.contract import LoadOptions, Message
from offgrid_tui.engine.worker import __main__ as worker_main
from offgrid_tui.engine.worker.wire import Wire
from tests.support.engine import engine_python

SIZES = Sizes(prompt=64, decode=400, prefix=64, tail=8, long_prompt=3600, rounds=2)


async def test_the_comparisons_run_on_a_tiny_model(random_model: Path) -> None:
    report = Report("tiny")
    async with ours(engine_python(), random_model, LoadOptions(context=4096, slots=2)) as mine:
        await one_sequence(report, "one", mine, {"itself": _itself(mine)}, SIZES)

        async def answer(messages: tuple[Message, ...], tokens: int, seed: int) -> object:
            return await mine.answer(messages, tokens, seed)

        await several_sequences(report, "several", 2, mine, answer, "itself", SIZES)
        await abort(report, "abort", mine, SIZES)
        worker = mine.worker
    assert not worker.is_running()

    sections = json.loads(report.as_json())["sections"]
    compared = [*sections["one"][:2], *sections["several"]]
    assert [row["name"] for row in compared] == [
        "prefill, 64 tokens",
        "decode, 400 tokens at depth 64",
        "2 at once, prefix known",
        "2 at once, prefix new",
    ]
    for row in compared:
        assert 0 < row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"]
    assert all(row["ours"]["min"] > 0 for row in sections["abort"])


def _itself(mine: Ours):  # type: ignore[no-untyped-def]
    """A peer that needs nothing compiled: we once more, with prompts of other seeds."""
    seeds = itertools.count(900_000)

    async def run() -> Measured:
        got = await mine.answer(await mine.prompt(SIZES.prompt, seed=next(seeds)), SIZES.decode)
        return {"prefill_tps": got.prefill_tps, "decode_tps": got.decode_tps}

    return run


@pytest.mark.parametrize("tokens", [40, 300])
async def test_a_prompt_has_the_wanted_length(random_model: Path, tokens: int) -> None:
    async with ours(engine_python(), random_model, LoadOptions(context=2048, slots=1)) as mine:
        answer = await mine.answer(await mine.prompt(tokens, seed=3), 4)

    assert abs(answer.done.prompt_tokens - tokens) <= 8  # whole words: the tiny model cuts them into several tokens


async def test_the_thread_benchmark_compares_ways_of_waiting(random_model: Path) -> None:
    arguments = Namespace(
        openmp=engine_python(), pool=None, spins="100", model=random_model, nice=0, threads="1", rounds=2,
        prompt=128, decode=4, longest=5.0, idle_only=False,
    )  # fmt: skip

    report = Report("tiny")
    await threads.compare(report, arguments)

    assert set(report.sections) == {
        f"{what}, 1 threads, {state}" for what in ("decode", "prefill") for state in ("idle", "one core busy")
    }
    for rows in report.sections.values():
        assert [row.name for row in rows] == ["openmp", "openmp passive", "openmp spin 100"]
        assert all(row.ratio and row.ratio.least > 0 for row in rows)


def test_the_peers_wait_as_our_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name for name in os.environ if name.startswith(("OMP_", "GOMP_"))} | {"GGML_NO_BACKTRACE"}
    for name in names | set(SET_BY_THE_WORKER):
        monkeypatch.setenv(name, "")  # noted, so that what the worker sets is taken back after the test
        monkeypatch.delenv(name)

    def nobody_listens() -> Wire:
        raise BrokenPipeError

    monkeypatch.setattr(Wire, "over_standard_streams", nobody_listens)
    with pytest.raises(BrokenPipeError):
        worker_main.main()

    assert {name: value for name, value in os.environ.items() if name.startswith(("OMP_", "GOMP_"))} == (
        SET_BY_THE_WORKER
    )
