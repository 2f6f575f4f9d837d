"""What the host decides, with real workers in this process: memory, restarts by a clock that the test turns, hung
workers, out-of-memory kills."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.engine.builder.find import EngineInfo
from offgrid_tui.engine.contract import Error as ErrorEvent
from offgrid_tui.engine.contract import ErrorCode, Load, Loaded, LoadOptions
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.worker import Patience
from tests.engine.asking import question, words
from tests.engine.bench import Bench
from tests.engine.conftest import LONG_TEXT, alive
from tests.support.models import RECITATION, reciter_model

GIB = 2**30


async def until(fact: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not fact():
            await asyncio.sleep(0.01)


def small(model: Path) -> Load:
    return Load("load", str(model), LoadOptions(context=256, slots=1))


# ── restarts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_three_restarts_in_five_minutes(bench: Bench, reciter: Path) -> None:
    for _ in range(4):
        assert await bench.code(question(reciter)) is None
        pid = bench.pid(reciter)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not bench.models)
        bench.clock.now += 10
    refused = (await bench.ask(question(reciter)))[-1]
    assert isinstance(refused, ErrorEvent) and refused.code is ErrorCode.RESTART_BUDGET
    assert refused.data == {"deaths": 4, "wait_s": 260.0}
    bench.clock.now += 259
    assert await bench.code(question(reciter)) is ErrorCode.RESTART_BUDGET
    bench.clock.now += 2
    assert await bench.code(question(reciter)) is None


async def test_other_parameters_have_a_budget_of_their_own(bench: Bench, reciter: Path) -> None:
    for _ in range(4):
        await bench.ask(question(reciter))
        os.kill(bench.pid(reciter), signal.SIGKILL)
        await until(lambda: not bench.models)
    assert await bench.code(question(reciter)) is ErrorCode.RESTART_BUDGET
    assert await bench.code(question(reciter, options=LoadOptions(context=512))) is None


async def test_an_unload_is_no_death(bench: Bench, reciter: Path) -> None:
    for _ in range(6):
        assert await bench.code(question(reciter)) is None
        await bench.pool.unload(None)


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_too_large_is_refused_before_a_worker_starts(bench: Bench, reciter: Path) -> None:
    bench.memory = 82 * 2**20
    event = (await bench.ask(question(reciter, options=LoadOptions(context=8192))))[-1]
    assert isinstance(event, ErrorEvent) and event.code is ErrorCode.TOO_LARGE
    assert event.data["needs"] > event.data["limit"] > 0
    assert "MB" in event.detail and "8192 tokens" in event.detail
    assert "context" in event.mend
    assert not bench.models


async def test_force_loads_what_is_too_large(bench: Bench, reciter: Path) -> None:
    bench.memory = 82 * 2**20
    request = question(reciter, options=LoadOptions(context=8192))
    assert words(await bench.ask(replace(request, force=True))) == RECITATION


async def test_what_was_loaded_anyway_once_is_not_asked_about_again(
    bench: Bench, reciter: Path, tmp_path: Path
) -> None:
    """Also not after it was unloaded, and after the crash that it may have caused; another file is."""
    bench.memory = 82 * 2**20
    request = question(reciter, options=LoadOptions(context=8192))
    assert await bench.code(request) is ErrorCode.TOO_LARGE
    assert await bench.code(replace(request, force=True)) is None
    await bench.pool.unload(None)
    assert await bench.code(request) is None
    os.kill(bench.pid(reciter), signal.SIGKILL)
    await until(lambda: not bench.models)
    assert await bench.code(request) is None
    other = reciter_model(tmp_path, "I am another.", name="another")
    await bench.pool.unload(None)
    assert await bench.code(question(other, options=LoadOptions(context=8192))) is ErrorCode.TOO_LARGE


async def test_a_context_that_nobody_chose_shrinks_to_what_fits(bench: Bench, reciter: Path) -> None:
    bench.memory = 78 * 2**20
    loaded = next(event for event in await bench.ask(question(reciter)) if isinstance(event, Loaded))
    assert loaded.context in (2048, 4096)


async def test_before_the_context_shrinks_prompts_are_read_in_smaller_pieces(bench: Bench, reciter: Path) -> None:
    bench.memory = 112 * 2**20  # 116 MiB are needed for pieces of 256 tokens, 85 for such of 64
    loaded = next(event for event in await bench.ask(question(reciter)) if isinstance(event, Loaded))
    assert loaded.context == 8192
    bench.settings = replace(bench.settings, engine=replace(bench.settings.engine, batch=256))
    await bench.pool.unload(None)
    loaded = next(event for event in await bench.ask(question(reciter)) if isinstance(event, Loaded))
    assert loaded.context == 4096  # who sets the batch gets it


async def test_the_least_recently_used_idle_model_makes_room(bench: Bench, tmp_path: Path) -> None:
    models = [reciter_model(tmp_path, f"I am {name}.", name=name) for name in ("one", "two", "three")]
    for model in models[:2]:
        assert await bench.code(small(model)) is None
        bench.clock.now += 1
    assert await bench.code(small(models[0])) is None  # used again: now "two" is the oldest
    bench.clock.now += 1
    reserved = sum(worker.reserved for worker in bench.pool.status())
    bench.memory = reserved + 40 * 2**20
    assert await bench.code(small(models[2])) is None
    assert bench.models == {"one.gguf", "three.gguf"}


async def test_a_model_at_work_is_never_unloaded_for_another(bench: Bench, long_reciter: Path, reciter: Path) -> None:
    job, events = bench.submit(question(long_reciter))
    await until(lambda: words(events))
    bench.memory = sum(worker.reserved for worker in bench.pool.status()) + 40 * 2**20
    refused = (await bench.ask(small(reciter)))[-1]
    assert isinstance(refused, ErrorEvent) and refused.code is ErrorCode.TOO_LARGE
    assert "long-reciter.gguf" in refused.mend
    await job.ended.wait()
    assert words(events) == LONG_TEXT


async def test_a_kv_type_that_does_not_exist(bench: Bench, reciter: Path) -> None:
    assert await bench.code(question(reciter, options=LoadOptions(kv_type_k="q9_9"))) is ErrorCode.BAD_REQUEST


# ── workers in trouble ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_worker_that_hangs_is_found_by_its_silence(tmp_path: Path, long_reciter: Path) -> None:
    bench = Bench(tmp_path, patience=Patience(heartbeat=0.3, missed=5))
    job, events = bench.submit(question(long_reciter))
    await until(lambda: words(events))
    pid = bench.pid(long_reciter)
    os.kill(pid, signal.SIGSTOP)
    await job.ended.wait()
    assert isinstance(events[-1], ErrorEvent) and events[-1].code is ErrorCode.UNRESPONSIVE
    await until(lambda: not alive({pid}))
    assert LONG_TEXT.startswith(words(events))
    assert words(await bench.ask(question(long_reciter))) == LONG_TEXT
    await bench.pool.close()


async def test_a_worker_that_ignores_shutdown_is_ended_all_the_same(tmp_path: Path, reciter: Path) -> None:
    bench = Bench(tmp_path, patience=Patience(shutdown=0.3, terminate=0.3))
    await bench.ask(question(reciter))
    pid = bench.pid(reciter)
    os.kill(pid, signal.SIGSTOP)  # it can neither read nor be terminated
    await bench.pool.close()
    assert not alive({pid})


async def test_an_out_of_memory_kill_is_told_from_any_other(tmp_path: Path, reciter: Path) -> None:
    """The kernel's counters are files: these are laid out as it writes them, and the kill is a real one."""
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup/user.slice"
    (proc / "self").mkdir(parents=True)
    cgroup.mkdir(parents=True)
    (proc / "self/cgroup").write_text("0::/user.slice\n")
    (cgroup / "memory.max").write_text(f"{2 * 10**9}\n")
    (cgroup / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n")
    bench = Bench(tmp_path, oom=OomWatch(proc, tmp_path / "cgroup"))
    await bench.ask(question(reciter))
    os.kill(bench.pid(reciter), signal.SIGSTOP)  # so that the answer cannot be faster than the signal
    job, events = bench.submit(question(reciter, "again"))
    await until(lambda: job.state == "running")
    (cgroup / "memory.events").write_text("low 0\nhigh 0\nmax 99\noom 1\noom_kill 1\noom_group_kill 0\n")
    os.kill(bench.pid(reciter), signal.SIGKILL)
    await job.ended.wait()
    assert isinstance(events[-1], ErrorEvent) and events[-1].code is ErrorCode.OOM_KILLED
    assert "2.0 GB" in events[-1].detail
    assert words(await bench.ask(question(reciter))) == RECITATION
    await bench.pool.close()


async def test_no_engine(bench: Bench, reciter: Path) -> None:
    bench.engine = None
    event = (await bench.ask(question(reciter)))[-1]
    assert isinstance(event, ErrorEvent) and event.code is ErrorCode.ENGINE_MISSING
    assert "offgrid engine build" in event.mend


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/false", "/bin/cat"])
async def test_an_engine_that_is_none(bench: Bench, reciter: Path, python: str) -> None:
    bench.engine = EngineInfo(python, "settings")
    event = (await bench.ask(question(reciter)))[-1]
    assert isinstance(event, ErrorEvent) and event.code is ErrorCode.ENGINE_MISSING
    assert "engine.python" in event.mend


async def test_a_python_without_llama_cpp(bench: Bench, reciter: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bench.engine = EngineInfo(str(tmp_path / "bare/bin/python"), "settings")
    event = (await bench.ask(question(reciter)))[-1]
    assert isinstance(event, ErrorEvent) and event.code is ErrorCode.ENGINE_MISSING


# ── jobs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_waiting_jobs_share_one_load(bench: Bench, reciter: Path) -> None:
    jobs = [bench.submit(question(reciter)) for _ in range(5)]
    for job, events in jobs:
        await job.ended.wait()
        assert words(events) == RECITATION
    assert len(bench.pool.status()) == 1


async def test_a_load_that_nobody_waits_for_is_given_up(bench: Bench, long_reciter: Path) -> None:
    job, events = bench.submit(question(long_reciter))
    await until(lambda: events)
    bench.pool.cancel(job)
    await job.ended.wait()
    await until(lambda: not bench.models)
    assert not words(events)


async def test_close_ends_what_runs(bench: Bench, long_reciter: Path, reciter: Path) -> None:
    running, events = bench.submit(question(long_reciter))
    await until(lambda: words(events))
    loading, _ = bench.submit(question(reciter))
    await bench.pool.close()
    assert running.state == loading.state == "ended"
    assert isinstance(events[-1], ErrorEvent) and events[-1].code is ErrorCode.CANCELLED
    assert not bench.models
    assert await bench.code(question(reciter)) is ErrorCode.CANCELLED
