"""The small parts of the engine's host and client."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from offgrid_tui.engine.builder.find import EngineInfo, find_engine
from offgrid_tui.engine.contract import (
    Error,
    ErrorCode,
    Event,
    Loaded,
    LoadOptions,
    LoadProgress,
    Log,
    Ok,
    Prefill,
    Text,
)
from offgrid_tui.engine.errors import EngineError
from offgrid_tui.engine.host import memory
from offgrid_tui.engine.host.history import LoadHistory, load_key
from offgrid_tui.engine.host.oom import OomWatch
from offgrid_tui.engine.host.options import complete, differences
from offgrid_tui.engine.host.restarts import RestartBudget
from offgrid_tui.engine.host.ring import LINE_LENGTH, LogRing
from offgrid_tui.engine.mailbox import Mailbox, MailboxFull
from offgrid_tui.engine.safe import cleaned
from offgrid_tui.fit.budget import GPU_RESERVE
from offgrid_tui.fit.model import Taken
from offgrid_tui.gguf.parts import read_model
from offgrid_tui.hardware.model import Gpu
from offgrid_tui.hardware.probe import probe
from offgrid_tui.settings.schema import EngineSettings, MemorySettings, Settings
from offgrid_tui.system.paths import Paths

GIB = 2**30


def text(words: str, id: str = "a", channel: str = "answer", tokens: int = 1) -> Text:
    return Text(id, words, channel, tokens, 1.0)  # type: ignore[arg-type]


# ── mailbox ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_is_joined() -> None:
    mailbox = Mailbox()
    for number in range(1000):
        mailbox.put(text("a", "one", tokens=number))
        mailbox.put(text("b", "two", tokens=number))
        mailbox.put(Prefill("three", number, 1000, 0))
        mailbox.put(LoadProgress("four", "m", "weights", number / 1000, 1.0))
    taken = await mailbox.take()
    assert len(taken) == 4
    assert taken[0] == text("a" * 1000, "one", tokens=999)
    assert taken[2] == Prefill("three", 999, 1000, 0)


async def test_channels_and_other_events_keep_their_order() -> None:
    mailbox = Mailbox()
    events: list[Event] = [text("hm", channel="thinking"), text("yes"), Prefill("a", 1, 2, 0), text("no"), Ok("a")]
    for event in events:
        mailbox.put(event)
    assert await mailbox.take() == events


async def test_what_cannot_be_joined_is_bounded() -> None:
    mailbox = Mailbox(limit=10_000)
    with pytest.raises(MailboxFull):
        for number in range(1000):
            mailbox.put(Ok(str(number)))


async def test_a_closed_mailbox_gives_what_it_has_then_nothing() -> None:
    mailbox = Mailbox()
    mailbox.put(Ok("a"))
    mailbox.close()
    mailbox.put(Ok("late"))
    assert await mailbox.take() == [Ok("a")]
    assert await mailbox.take() == []


async def test_a_reader_waits_for_the_first() -> None:
    mailbox = Mailbox()
    reading = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    assert not reading.done()
    mailbox.put(Ok("a"))
    assert await reading == [Ok("a")]


async def test_long_text_is_not_copied_again_and_again() -> None:
    mailbox = Mailbox()
    for _ in range(40):
        mailbox.put(text("x" * 10_000))
    taken = await mailbox.take()
    assert sum(len(event.text) for event in taken if isinstance(event, Text)) == 400_000
    assert max(len(event.text) for event in taken if isinstance(event, Text)) < 80_000


# ── safe text ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_text_that_a_stranger_wrote_is_cleaned() -> None:
    evil = "a\x1b]52;c;x\x07\x9b1m\u202eb"
    loaded = Loaded(
        id="x", model=evil, name=evil, architecture=evil, parameters=1, quantisation=evil, file_size=1,
        context_trained=1, context=1, slots=1, layers=1, gpu_layers=0, devices=(evil,), memory={evil: 1}, threads=1,
        threads_batch=1, load_ms=1.0, template=evil, thinking=False, warnings=(evil,), engine=evil,
    )  # fmt: skip
    events: list[Event] = [
        loaded,
        text(evil),
        LoadProgress("x", evil, evil, 0.5, 1.0),
        Error("x", ErrorCode.CRASHED, evil, evil, evil, {}, (evil,)),
        Log("info", evil),
    ]
    for event in events:
        shown = repr(cleaned(event))
        assert "\\x1b" not in shown and "\\x07" not in shown and "\\x9b" not in shown and "\\u202e" not in shown
        assert "a]52;c;x1mb" in shown


# ── log ring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ring_keeps_the_last_lines_whole() -> None:
    ring = LogRing(lines=3)
    for piece in (b"one\ntw", b"o\nthree\nfour\n\n", b"last words"):
        ring.feed(piece)
    assert ring.tail() == ("two", "three", "four", "last words")
    assert ring.tail(2) == ("four", "last words")


def test_the_ring_is_bounded() -> None:
    ring = LogRing(lines=3)
    ring.feed(b"x" * 10_000_000)
    ring.feed(b"\n" + b"y" * 10_000 + b"\n")
    assert max(map(len, ring.tail())) <= LINE_LENGTH


# ── restart budget ─────────────────────────────────────────────────────────────────────────────────────────────────


class TurnedClock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


def test_the_restart_budget() -> None:
    clock = TurnedClock()
    budget = RestartBudget(clock, restarts=3, window=300)
    for _ in range(3):
        budget.died("m")
        clock.now += 10
        assert budget.wait("m") == 0
    budget.died("m")
    assert (budget.wait("m"), budget.deaths("m"), budget.wait("other")) == (270.0, 4, 0)
    clock.now = 300
    assert (budget.wait("m"), budget.deaths("m")) == (0, 3)
    clock.now = 10_000
    assert budget.deaths("m") == 0


# ── out of memory ──────────────────────────────────────────────────────────────────────────────────────────────────


def kernel_files(folder: Path, **files: str) -> OomWatch:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return OomWatch(folder / "proc", folder / "cgroup")


def test_a_limit_of_this_cgroup(tmp_path: Path) -> None:
    files = {"proc__self__cgroup": "0::/a/b\n", "cgroup__a__b__memory_dot_max": "1000000000\n"}
    watch = kernel_files(tmp_path, **files, cgroup__a__b__memory_dot_events="oom 0\noom_kill 4\n")
    before = watch.read()
    assert watch.explain(before) is None
    kernel_files(tmp_path, cgroup__a__b__memory_dot_events="oom 1\noom_kill 5\n")
    assert "1.0 GB" in (watch.explain(before) or "")


def test_a_limit_further_up(tmp_path: Path) -> None:
    files = {"proc__self__cgroup": "0::/a\n", "cgroup__a__memory_dot_max": "max\n"}
    watch = kernel_files(tmp_path, **files, cgroup__a__memory_dot_events="oom_kill 0\n")
    before = watch.read()
    kernel_files(tmp_path, cgroup__a__memory_dot_events="oom_kill 1\n")
    assert "is in" in (watch.explain(before) or "")


def test_version_one_of_cgroups(tmp_path: Path) -> None:
    group, control = "cgroup__memory__job__memory_dot_", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"
    files = {"proc__self__cgroup": "9:memory:/job\n0::/job\n", f"{group}limit_in_bytes": "5000000\n"}
    watch = kernel_files(tmp_path, **files, **{f"{group}oom_control": control.format(0)})
    before = watch.read()
    kernel_files(tmp_path, **{f"{group}oom_control": control.format(1)})
    assert "5.0 MB" in (watch.explain(before) or "")


def test_the_whole_machine(tmp_path: Path) -> None:
    watch = kernel_files(tmp_path, proc__vmstat="oom_kill 7\n", proc__meminfo="MemTotal:       16000000 kB\n")
    before = watch.read()
    kernel_files(tmp_path, proc__vmstat="oom_kill 8\n")
    assert "16.4 GB" in (watch.explain(before) or "")


def test_a_kernel_that_does_not_say(tmp_path: Path) -> None:
    watch = kernel_files(tmp_path)
    assert watch.explain(watch.read()) is None


def test_the_real_kernel_says_something() -> None:
    watch = OomWatch()
    found = watch.read()
    assert found.cgroup is not None or found.system is not None
    assert watch.explain(found) is None


# ── load history and options ───────────────────────────────────────────────────────────────────────────────────────


def test_the_load_history_is_kept_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "state/history.json"
    history = LoadHistory(path)
    for number in range(400):
        history.record(f"model {number}", number)
    again = LoadHistory(path)
    assert again.expected_ms("model 399") == 399
    assert again.expected_ms("model 1") is None
    assert len(json.loads(path.read_bytes())) == 300


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": "b"}', b"\xff"])
def test_a_damaged_load_history_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(content)
    history = LoadHistory(path)
    assert history.expected_ms("a") is None
    history.record("a", 5.0)
    assert LoadHistory(path).expected_ms("a") == 5


def test_a_load_is_named_by_file_version_and_options() -> None:
    keys = {
        load_key(path, stamp, LoadOptions(context=context))
        for path in ("a", "b")
        for stamp in ("1", "2")
        for context in (1, 2)
    }
    assert len(keys) == 8


def test_options_are_filled_from_the_settings_and_then_from_the_machine() -> None:
    settings = EngineSettings(context=None, slots=4, threads_batch=3, mmap=False)
    options = complete(LoadOptions(batch=128), settings, cores=8, trained=4096)
    assert (options.context, options.slots, options.batch, options.threads, options.threads_batch, options.mmap) == (
        4096, 4, 128, 7, 3, False,
    )  # fmt: skip
    assert complete(LoadOptions(), settings, cores=1, trained=0).threads == 1
    assert complete(LoadOptions(), settings, cores=8, trained=131_072).context == 8192
    assert complete(LoadOptions(context=100_000), settings, cores=8, trained=4096).context == 100_000
    assert complete(LoadOptions(), EngineSettings(context=512), cores=8, trained=4096).context == 512


def test_a_loaded_model_serves_who_asks_for_nothing_else() -> None:
    loaded = LoadOptions(context=4096, slots=8, threads=3, mlock=True)
    assert differences(loaded, LoadOptions()) == []
    assert differences(loaded, LoadOptions(context=4096, threads=3)) == []
    (found,) = differences(loaded, LoadOptions(context=512))
    assert "context" in found and "4096" in found and "512" in found
    assert len(differences(loaded, LoadOptions(threads=1, kv_type_k="q8_0", mmap=False))) == 3


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_go_to_the_gpu_as_far_as_they_fit(random_model: Path) -> None:
    header = read_model(random_model)
    machine, settings = probe(), Settings(memory=MemorySettings(vram_budget=1.0))
    options = LoadOptions(context=2048)

    def layers(free: int) -> int | None:
        one = replace(machine, gpus=(Gpu("g", 80 * GIB, free),))
        return memory.judged(header, options, one, settings, Taken(), on_gpu=True)[0].gpu_layers

    assert layers(80 * GIB) == header.layers + 1
    assert layers(0) == 0
    none = replace(machine, gpus=())
    assert memory.judged(header, options, none, settings, Taken(), on_gpu=True)[0].gpu_layers == 0
    assert memory.judged(header, options, none, settings, Taken())[0].gpu_layers is None  # the engine has no GPU
    some = [layers(GPU_RESERVE + megabytes * 2**20) or 0 for megabytes in range(60)]
    assert some == sorted(some), "more memory never takes fewer layers"


def test_a_refusal_gives_numbers_and_ways_out(random_model: Path) -> None:
    header, machine = read_model(random_model), probe()
    options = LoadOptions(context=8192)
    needed = memory.need(header, options, machine).memory
    small = replace(machine.memory, total=GIB, available=needed - 1, cgroup_limit=None)
    settings = Settings(memory=MemorySettings(budget=1.0, reserve=0.0))
    _, found = memory.judged(header, options, replace(machine, memory=small), settings, Taken())
    assert not found.fits
    error = memory.too_large("/models/m.gguf", found, options, ["/models/other.gguf"])
    assert isinstance(error, EngineError) and error.exit_code == 4
    assert "m.gguf" in error.title and "8192 tokens" in error.detail
    assert "context" in error.mend and "other.gguf" in error.mend


# ── finding ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_back_end_is_told_by_the_libraries(tmp_path: Path, home: Paths) -> None:
    package = tmp_path / "lib/python3.12/site-packages/llama_cpp"
    (package / "lib").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch(mode=0o755)
    settings = Settings(engine=EngineSettings(python=str(tmp_path / "bin/python")))

    def found() -> EngineInfo:
        engine = find_engine(home, settings)
        assert engine is not None
        return engine

    (package / "lib/libggml-cpu.so").touch()
    assert (found().backend, found().on_gpu) == ("cpu", False)
    (package / "lib/libggml-cuda.so").touch()
    assert (found().backend, found().on_gpu) == ("cuda", True)
